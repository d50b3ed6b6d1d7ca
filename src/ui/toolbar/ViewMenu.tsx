import { setTheme, useSettings } from '../../client/settings.ts';
import { THEMES } from '../theme.ts';
import { Button } from '../widgets/Button.tsx';
import { Icon } from '../widgets/Icon.tsx';
import { KeyNames } from '../widgets/KeyNames.tsx';
import widgets from '../widgets/widgets.module.css';
import { PANELS, type PanelKind } from '../workspace/panels.tsx';
import css from './Toolbar.module.css';

export interface ViewMenuProps {
  readonly onShowPanel: (panel: PanelKind) => void;
  readonly onResetLayout: () => void;
  readonly onGdb: () => void;
  readonly onPalette: () => void;
}

/** A row that closes the menu. Not "toggle": a dialog that opens has closed it already. */
const CLOSING = { className: widgets.item, popoverTarget: 'view-menu', popoverTargetAction: 'hide' } as const;

/** Panels, layout, theme, and the way to gdb. */
export function ViewMenu({ onShowPanel, onResetLayout, onGdb, onPalette }: ViewMenuProps) {
  const theme = useSettings((settings) => settings.theme);
  return (
    <>
      <Button icon="view" popoverTarget="view-menu" className={css.viewButton}>
        View
      </Button>
      <div id="view-menu" popover="auto" className={`${widgets.menu} ${css.menu}`}>
        <button type="button" {...CLOSING} onClick={onPalette}>
          All commands… <KeyNames keys={['F1']} />
        </button>
        <h2>Go to panel</h2>
        {(Object.keys(PANELS) as PanelKind[]).map((kind) => (
          <button type="button" key={kind} {...CLOSING} onClick={() => onShowPanel(kind)}>
            {PANELS[kind].name}
          </button>
        ))}
        <h2>Layout</h2>
        <button type="button" {...CLOSING} onClick={onResetLayout}>
          Reset all panels
        </button>
        <h2>Debugger</h2>
        <button type="button" {...CLOSING} onClick={onGdb}>
          Connect gdb…
        </button>
        <h2>Theme</h2>
        {THEMES.map(([name, label]) => (
          <button
            type="button"
            className={widgets.item}
            key={name}
            aria-pressed={theme === name}
            onClick={() => setTheme(name)}
          >
            {label} {theme === name && <Icon name="check" />}
          </button>
        ))}
      </div>
    </>
  );
}
