import { command } from '../../../client/lab.ts';
import { useLab, useView } from '../../../client/lab-store.ts';
import { useWatch } from '../../../client/watch.ts';
import type { VmAction } from '../../../protocol/commands.ts';
import type { VmState, VmView } from '../../../protocol/machine-view.ts';
import { isBare, sameVcpu, type Technique } from '../../../protocol/target.ts';
import { focusOn } from '../../actions.ts';
import { brief, bytes } from '../../format.ts';
import { Button } from '../../widgets/Button.tsx';
import { Empty, Missing, Panel } from '../../widgets/Panel.tsx';
import { VmTag } from '../../widgets/VmTag.tsx';
import css from './Vms.module.css';

const STATE: Record<VmState, string> = {
  running: 'running',
  paused: 'paused',
  halted: 'waiting for an interrupt',
  crashed: 'crashed',
  ended: 'ended',
};

const TECHNIQUES: Record<Technique, string> = {
  'vtx-ept': 'VT-x, EPT',
  bare: 'bare machine',
  'bare-amd-v': 'bare machine, AMD-V',
};

export function Vms({ visible }: { readonly visible: boolean }) {
  useWatch(visible, 'vms');
  const vms = useView('vms');
  return (
    <Panel label="Machines">
      {!vms ? (
        <Missing view={vms} what="machines" />
      ) : vms.length === 0 ? (
        <Empty title="No machine">Open a kernel with the button above, or drop one here.</Empty>
      ) : (
        <ul className={css.list}>
          {vms.map((vm) => (
            <Row key={vm.id} vm={vm} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Row({ vm }: { readonly vm: VmView }) {
  const focus = useLab((state) => state.focus);
  const over = vm.state === 'crashed' || vm.state === 'ended';
  const send = (action: VmAction) => void command({ kind: 'vm', vm: vm.id, action });
  return (
    <li className={css.vm} data-state={vm.state} data-focus={focus?.vm === vm.id}>
      <div className={css.head}>
        <VmTag vm={vm.id} />
        <span className={css.name}>{vm.name}</span>
        <span className={css.technique}>{TECHNIQUES[vm.technique]}</span>
        <span className={css.actions}>
          {!over && (
            <Button
              small
              look="bare"
              icon={vm.state === 'paused' ? 'run' : 'pause'}
              aria-label={`${vm.state === 'paused' ? 'Resume' : 'Pause'} ${vm.name}`}
              title={vm.state === 'paused' ? 'Resume this machine' : 'Pause this machine'}
              onClick={() => send(vm.state === 'paused' ? 'resume' : 'pause')}
            />
          )}
          <Button
            small
            look="bare"
            icon="reset"
            aria-label={`Reset ${vm.name}`}
            title="Reset"
            onClick={() => send('reset')}
          />
          <Button
            small
            look="bare"
            icon="destroy"
            aria-label={`Destroy ${vm.name}`}
            title="Destroy: frees its memory"
            onClick={() => send('destroy')}
          />
        </span>
      </div>
      <div className={css.state}>
        <i className={css.lamp} aria-hidden="true" />
        {STATE[vm.state]}
        <span className={css.vcpus}>
          {Array.from({ length: vm.vcpus }, (_, vcpu) => ({ vm: vm.id, vcpu })).map((on) => (
            <button
              type="button"
              key={on.vcpu}
              className={css.vcpu}
              aria-pressed={sameVcpu(focus, on)}
              title={`Show registers, code and page walk of vCPU ${on.vcpu} of ${vm.name}`}
              onClick={() => focusOn(on)}
            >
              vCPU {on.vcpu}
            </button>
          ))}
        </span>
      </div>
      {vm.reason && <p className={css.reason}>{vm.reason}</p>}
      <dl className={css.facts}>
        <div>
          <dt>instructions</dt>
          <dd>{brief(vm.instructions)}</dd>
        </div>
        <div>
          <dt>VM exits</dt>
          <dd>{isBare(vm.technique) ? '–' : brief(vm.exits)}</dd>
        </div>
        <div>
          <dt>memory in use</dt>
          <dd>
            {bytes(vm.resident)} <span className={css.of}>of {bytes(vm.memory)}</span>
          </dd>
        </div>
      </dl>
    </li>
  );
}
