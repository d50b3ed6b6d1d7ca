import type { KeyBinding } from '../keys.ts';
import { KeyNames } from '../widgets/KeyNames.tsx';
import css from './Dialog.module.css';
import { Dialog } from './Dialog.tsx';

export function HelpDialog({ bindings, onClose }: { bindings: readonly KeyBinding[]; onClose: () => void }) {
  return (
    <Dialog title="Help" onClose={onClose}>
      <div className={css.content}>
        <p className={css.lead}>
          Everything shown is read from a simulated x86-64 computer that runs in this tab: its processors,
          page tables and interrupt controllers. The hypervisor runs on it in VMX root operation, its guests
          above. Nothing is sent anywhere, unless you connect gdb on this computer (View).
        </p>
        <table className={css.keys}>
          <caption className="unseen">Keys</caption>
          <tbody>
            {bindings.map(({ keys, does }) => (
              <tr key={does}>
                <td>
                  <KeyNames keys={keys} />
                </td>
                <td>{does}</td>
              </tr>
            ))}
            <tr>
              <td>
                <KeyNames keys={['W']} />
              </td>
              <td>
                Who wrote this? For the register, memory cell, descriptor or field that has the focus; also in
                its context menu
              </td>
            </tr>
            <tr>
              <td>
                <KeyNames keys={['Shift+F9']} />
              </td>
              <td>
                In a console: choose a character with the arrow keys, Enter asks who wrote it; also in the
                context menu
              </td>
            </tr>
            <tr>
              <td>
                <KeyNames keys={['Ctrl+Delete']} />
              </td>
              <td>Close the panel whose tab has the focus; View brings it back</td>
            </tr>
          </tbody>
        </table>
        <p className={css.lead}>
          Function keys also work while a console has the focus; all other keys then go to the guest. F1 finds
          everything by its name.
        </p>
        <dl className={css.terms}>
          <dt>Rings</dt>
          <dd>
            −1 is VMX root operation or the host of AMD-V (the hypervisor), 0 a guest's kernel, 3 its
            programs.
          </dd>
          <dt>Page walk</dt>
          <dd>
            Each row finds one guest table through EPT or nested page tables, then reads its entry. Choose a
            cell to see its bits.
          </dd>
          <dt>Micro-operations</dt>
          <dd>
            What one instruction, event, VM exit or entry consists of, in its order: look-ups, the references
            of page walks, accesses, fields that are saved and loaded. Registers change with the last one.
          </dd>
          <dt>Breakpoints</dt>
          <dd>
            Click left of an instruction. They are linear addresses and belong to one machine. Ctrl+Enter
            there runs to the instruction, Ctrl+Shift+Enter back to it.
          </dd>
          <dt>Stops</dt>
          <dd>
            Breakpoints, and whatever else ends a run: writes, VM exits, interrupts, ports and more, with
            conditions. Running back ends at them too.
          </dd>
          <dt>Simulated time</dt>
          <dd>
            Depends on work done only, never on this computer's speed. An idle machine waits for real time to
            pass.
          </dd>
        </dl>
      </div>
    </Dialog>
  );
}
