/** Extended page tables as a second dimension of the page walk. SDM volume 3C, "The Extended Page Table Mechanism (EPT)". */
import { EPT, EPT_VIOLATION } from '../../arch/ept.ts';
import { EXIT } from '../../arch/exit-reasons.ts';
import type {
  EntryListener,
  NestedAccess,
  NestedPage,
  NestedTables,
} from '../virtualization/second-dimension.ts';
import { emptyWalk, type ReadPhysical, walkEpt } from './ept-walk.ts';
import type { VmxState } from './state.ts';

export class ExtendedPageTables implements NestedTables {
  readonly format = 'ept';
  readonly tableRights = EPT.READ;
  readonly inGeneratedCode = true;
  private readonly read: ReadPhysical;
  private readonly state: VmxState;
  private readonly walked = emptyWalk();

  constructor(read: ReadPhysical, state: VmxState) {
    this.read = read;
    this.state = state;
  }

  walk(
    root: number,
    guestPhysical: number,
    _wanted: number,
    found: NestedPage,
    listener?: EntryListener,
  ): boolean {
    const { walked } = this;
    walkEpt(this.read, root, guestPhysical, walked, listener);
    found.page = walked.page;
    found.rights = walked.rights;
    return walked.outcome === 'mapped';
  }

  refuse(root: number, guestPhysical: number, access: NestedAccess): void {
    const { walked, state } = this;
    walkEpt(this.read, root, guestPhysical, walked);
    const linear = access.linear ?? 0;
    if (walked.outcome === 'misconfiguration') {
      state.setPending(EXIT.EPT_MISCONFIGURATION, 0, guestPhysical, linear);
      return;
    }
    let flags = access.rights & EPT.RIGHTS;
    flags |= (walked.rights & EPT.RIGHTS) << 3;
    if (access.linear !== undefined) flags |= EPT_VIOLATION.LINEAR_VALID;
    if (access.linear !== undefined && access.final) flags |= EPT_VIOLATION.FINAL;
    state.setPending(EXIT.EPT_VIOLATION, flags, guestPhysical, linear);
  }
}
