import { useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import { WhoWroteButton } from '../../context-menu/WhoWroteButton.tsx';
import { asksWhoWrote } from '../../context-menu/who-wrote.ts';
import { hex, short } from '../../format.ts';
import { Missing } from '../../widgets/Panel.tsx';
import widgets from '../../widgets/widgets.module.css';
import css from './Registers.module.css';

/** What the vCPU is kept in for its hypervisor: every field of its VMCS or VMCB. */
export function Structure({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'system');
  const view = useView('system');
  if (!view) return <Missing view={view} what="VMCS or VMCB" />;
  const { structure } = view;
  if (structure === null)
    return (
      <p className={css.meaning}>No hypervisor has a VMCS or VMCB for this processor at this instant.</p>
    );
  return (
    <div className={css.groups}>
      <p className={css.meaning}>
        {structure.name} at host-physical <code>{short(structure.address)}</code>
      </p>
      {structure.groups.map(({ title, fields }) => (
        <table key={title} className={css.segments}>
          <caption className={css.heading}>{title}</caption>
          <thead>
            <tr>
              <th scope="col">field</th>
              <th scope="col">value</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {fields.map(({ name, value, bits, changed }) => (
              <tr key={name} data-changed={changed} {...asksWhoWrote(name, { kind: 'field', name })}>
                <th scope="row" className={widgets.code}>
                  {name}
                </th>
                <td className={css.value}>
                  {hex(value, bits / 4)}
                  {changed && <span className="unseen">, changed</span>}
                </td>
                <td>
                  <WhoWroteButton name={name} what={{ kind: 'field', name }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      ))}
    </div>
  );
}
