/** The keyboard's way among tabs and the panels behind them, whatever has the focus: a console too. */

const TAB = 'flexlayout-tabbutton-';
const PANEL = 'flexlayout-tab-';
/** Frames that a panel may take to be drawn. */
const PATIENCE = 30;

/** The first thing in a tab's panel that takes the focus gets it, as soon as it is drawn. @param id of the tab */
export function focusPanel(id: string, patience = PATIENCE): void {
  const panel = document.getElementById(PANEL + id);
  const first = panel?.querySelector<HTMLElement>('button, input, select, textarea, [tabindex="0"]');
  if (panel?.checkVisibility() && first) first.focus();
  else if (patience > 0) requestAnimationFrame(() => focusPanel(id, patience - 1));
}

/** To the chosen tab of the next (1) or previous (-1) group of panels. */
export function focusNextTab(delta: 1 | -1): void {
  const tabs = shownTabs();
  const at = tabs.findIndex(hasFocus);
  // From outside of the panels to the first or the last group.
  const from = at < 0 && delta < 0 ? 0 : at;
  tabs.at((from + delta) % tabs.length)?.focus();
}

/** From a tab into its panel, and from a panel to its tab. */
export function focusOtherSide(): void {
  const tab = shownTabs().find(hasFocus);
  if (tab === undefined) return;
  if (tab === document.activeElement) focusPanel(idOf(tab));
  else tab.focus();
}

/** The chosen tab of each group, in the order of the page. */
const shownTabs = (): HTMLElement[] =>
  [...document.querySelectorAll<HTMLElement>(`[id^="${TAB}"][aria-selected="true"]`)].filter((tab) =>
    tab.checkVisibility(),
  );

const idOf = (tab: HTMLElement): string => tab.id.slice(TAB.length);

function hasFocus(tab: HTMLElement): boolean {
  const { activeElement } = document;
  return (
    tab === activeElement || document.getElementById(PANEL + idOf(tab))?.contains(activeElement) === true
  );
}
