/**
 * Generates the interpreter: one Wasm function with a br_table over decoded records, the hot
 * instructions inlined in it, the others as functions in a table.
 *
 *   run(state, record, table) -> RETURN.x
 *
 * `record` is the first record to execute, `table` the record table of its page; STATE.PAGE_LINEAR
 * and PAGE_IP belong to that page. On return STATE.RIP is valid unless the reason is EXIT, where the
 * system operation has set it.
 */
import type { Instruction } from '../../isa/definition.ts';
import type { ValueType } from '../../wasm/expression.ts';
import { type I32, type I64, i32, i64 } from '../../wasm/expression.ts';
import {
  type Callee,
  callIndirect,
  type FunctionBuilder,
  type IndirectTarget,
  type Label,
  type Local,
} from '../../wasm/function.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { RECORD, REGION_COUNTERS, RETURN, STATE, STATUS, TLB } from '../state.ts';
import {
  branchFromRegion,
  callHandler,
  countBranch,
  countExecuted,
  countUp,
  HANDLER_SIGNATURE,
  isRegion,
  noteTarget,
  REGION_SIGNATURE,
  requestRegion,
  retryInRegion,
} from './branch.ts';
import { FIND_CROSSING } from './crossing.ts';
import { Emitter } from './emitter.ts';
import { Environment } from './environment.ts';
import { RFLAGS } from './flag-code.ts';
import type { Embedding, InterpreterShared } from './form.ts';
import { HANDLER, type HandlerPlan, type PlannedForm } from './handlers.ts';
import { memoryFunctions } from './memory.ts';
import { RecordSite } from './record-site.ts';
import { executeEntry } from './tlb-entry.ts';
import { DELIVER_FAULT, systemOperation } from './transfers.ts';
import { FILL_EXECUTE } from './walker.ts';

/** @returns the bytes of a module that exports `run` and `rflags`. */
export function generateInterpreter(
  plan: HandlerPlan,
  helpers: Record<string, readonly ValueType[]>,
  maximumPages: number,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  const regions = { table: module.importTable('regions'), type: module.type(REGION_SIGNATURE) };
  const environment = new Environment(module, helpers);
  const shared: InterpreterShared = {
    environment,
    memory: memoryFunctions(environment),
    systemNumber: (name) => plan.systemNames.indexOf(name),
  };
  const functions = plan.outlined.map((form) => outline(module, form, shared));
  const handlers = {
    table: module.exportTable('handlers', functions),
    type: module.type(HANDLER_SIGNATURE),
  };
  const run = module.function({ params: ['i32', 'i32', 'i32'], results: ['i32'] });
  emitRun(run, plan, shared, { handlers, regions });
  module.export('run', run);
  environment.function(RFLAGS);
  for (const flat of [true, false]) environment.function(branchFromRegion(environment, regions, flat));
  environment.function(callHandler(handlers));
  environment.function(retryInRegion(environment, regions));
  environment.function(requestRegion(environment));
  return module.finish(maximumPages);
}

function semanticsOf(row: Instruction) {
  if (typeof row.semantics !== 'function') throw new Error(`${row.mnemonic} is a system operation`);
  return row.semantics;
}

function outline(module: ModuleBuilder, form: PlannedForm, shared: InterpreterShared): FunctionBuilder {
  const f = module.function({ params: ['i32', 'i32'], results: ['i32'] });
  const embedding: Embedding = {
    f,
    record: f.param(1, 'i32'),
    end: (status, target) => {
      if (target) f.store('i64', f.param(0, 'i32'), target, STATE.RIP);
      f.return(i32.const(status));
    },
  };
  new Emitter(form, form.cc, new RecordSite(embedding, shared), shared).emit(semanticsOf(form.row));
  f.unreachable();
  return f;
}

interface Tables {
  readonly handlers: IndirectTarget;
  readonly regions: IndirectTarget;
}

function emitRun(f: FunctionBuilder, plan: HandlerPlan, shared: InterpreterShared, tables: Tables): void {
  const state = f.param(0, 'i32');
  const record = f.param(1, 'i32');
  const table = (): I32 => i32.load(state, STATE.TABLE);
  f.store('i32', state, f.param(2, 'i32'), STATE.TABLE);
  const budget = f.local('i32');
  const target = f.local('i64');
  /** The record whose link the next jump fills in, or 0. */
  const linking = f.local('i32');
  /** The record of the indirect JMP or CALL that is being carried out, or 0. */
  const indirect = f.local('i32');
  const { imports } = shared.environment;
  const system = systemOperation(shared.environment, shared.systemNumber);

  f.loop((next) => {
    f.block((jump) => {
      /** Goes on where a transfer has led: nothing is known of the code there. */
      const transfer = () => {
        f.store('i64', state, i64.const(-1), STATE.PAGE_LINEAR);
        f.set(target, i64.load(state, STATE.RIP));
        f.br(jump);
      };
      /** After a fault at STATE.RIP. */
      const deliver = () => {
        f.if(shared.environment.library(DELIVER_FAULT), transfer);
        f.return(i32.const(RETURN.FAULT));
      };
      f.block((fault) => {
        // Set in each round, so that nothing but the record has to be carried from one to the next.
        f.set(linking, i32.const(0));
        f.set(indirect, i32.const(0));
        f.set(budget, i32.sub(i32.load(state, STATE.BUDGET), i32.const(1)));
        f.ifUnlikely(i32.lt_s(budget, i32.const(0)), () => {
          storeRip(f, state, recordIp(state, record));
          f.return(i32.const(RETURN.BUDGET));
        });
        f.store('i32', state, budget, STATE.BUDGET);

        const advance = () => {
          f.set(record, i32.add(record, i32.const(RECORD.SIZE)));
          f.br(next);
        };
        const jumpTo = (ip: I64) => {
          f.set(target, ip);
          f.br(jump);
        };
        const end: Embedding['end'] = (status, ip) => {
          if (status === STATUS.NEXT) advance();
          else if (status === STATUS.AGAIN) f.br(next);
          else if (status === STATUS.FAULT) f.br(fault);
          else if (status === STATUS.JUMP && ip) jumpTo(ip);
          else throw new Error(`status ${status} cannot be inlined`);
        };
        const linkedJump = (ip: () => I64) => {
          const link = f.let(i32.load(record, RECORD.LINK));
          f.if(link, () => {
            countBranch(f, link, table(), imports.hot);
            f.set(record, link);
            f.br(next);
          });
          const checked = ip();
          f.set(linking, record);
          jumpTo(checked);
        };
        /** Acts on the status of an outlined handler or system operation. */
        const dispatchStatus = (status: Local<'i32'>) => {
          f.if(i32.eqz(status), advance);
          f.if(i32.eq(status, i32.const(STATUS.JUMP)), () => jumpTo(i64.load(state, STATE.RIP)));
          f.brIf(next, i32.eq(status, i32.const(STATUS.AGAIN)));
          f.brIf(fault, i32.eq(status, i32.const(STATUS.FAULT)));
          f.if(i32.eq(status, i32.const(STATUS.TRANSFER)), transfer);
          f.return(i32.const(RETURN.EXIT));
        };

        const bodies: (() => void)[] = [];
        bodies[HANDLER.OUTLINED] = () =>
          f.scope(() => {
            const handler = i32.load(record, RECORD.LINK);
            const status = f.let(callIndirect('i32', tables.handlers, handler, state, record));
            dispatchStatus(status);
          });
        bodies[HANDLER.SYSTEM] = () =>
          f.scope(() => dispatchStatus(f.let(shared.environment.library(system, record))));
        bodies[HANDLER.CONTINUE] = () =>
          f.scope(() => {
            f.store('i32', state, i32.add(budget, i32.const(1)), STATE.BUDGET);
            // No branch: within the page nothing is looked at that the instructions before have not been.
            const offset = f.let(i32.load16_u(record, RECORD.OFFSET));
            const link = f.let(i32.load(record, RECORD.LINK));
            f.if(link, () => {
              f.set(record, link);
              f.br(next);
            });
            f.if(i32.lt_u(offset, i32.const(0x1000)), () => {
              const found = f.let(i32.load(i32.add(table(), i32.shl(offset, i32.const(2)))));
              f.if(found, () => {
                f.store('i32', record, found, RECORD.LINK);
                f.set(record, found);
                f.br(next);
              });
            });
            jumpTo(recordIp(state, record));
          });
        bodies[HANDLER.REGION] = () =>
          f.scope(() => {
            f.store('i32', state, i32.add(budget, i32.const(1)), STATE.BUDGET);
            f.store('i32', i32.const(0), i32.load(state, STATE.BUDGET), REGION_COUNTERS.COUNTED);
            countUp(f, REGION_COUNTERS.ENTRIES);
            const result = f.let(callIndirect('i32', tables.regions, i32.load(record, RECORD.LINK), state));
            countExecuted(f, state);
            f.if(i32.eq(result, i32.const(STATUS.JUMP)), () => jumpTo(i64.load(state, STATE.RIP)));
            f.if(i32.eq(result, i32.const(STATUS.FAULT)), deliver);
            f.if(i32.eq(result, i32.const(STATUS.EXIT)), () => f.return(i32.const(RETURN.EXIT)));
            f.if(i32.eq(result, i32.const(STATUS.TRANSFER)), transfer);
            // The record to go on with; the interpreter has to execute it even where a region begins.
            f.set(record, result);
            f.if(
              isRegion(record),
              () => f.set(record, i32.load(record, RECORD.IMMEDIATE)),
              () => countBranch(f, record, table(), imports.hot),
            );
            f.br(next);
          });
        for (const form of plan.inline) {
          const embedding: Embedding = {
            f,
            record,
            end: (status, ip) => {
              if (status === STATUS.JUMP && form.row.mnemonic !== 'RET') f.set(indirect, record);
              end(status, ip);
            },
            inline: true,
            linkedJump,
          };
          bodies.push(() =>
            new Emitter(form, form.cc, new RecordSite(embedding, shared), shared).emit(semanticsOf(form.row)),
          );
        }
        emitSwitch(f, i32.load16_u(record, RECORD.HANDLER), bodies);
      });
      storeRip(f, state, recordIp(state, record));
      deliver();
    });
    const { environment } = shared;
    emitJump(f, {
      state,
      record,
      table,
      target,
      linking,
      indirect,
      next,
      hot: imports.hot,
      findCrossing: (slot, linear) => environment.library(FIND_CROSSING, slot, linear),
      fillExecute: (linear) => environment.library(FILL_EXECUTE, linear),
    });
  });
  f.unreachable();
}

/** A br_table whose bodies all leave by themselves. */
function emitSwitch(f: FunctionBuilder, selector: I32, bodies: readonly (() => void)[]): void {
  const nest = (i: number): void => {
    if (i < 0) {
      f.block((dispatch) => {
        const labels = bodies.map((_, k): Label => ({ depth: dispatch.depth - 1 - k }));
        f.brTable(selector, labels, labels[0]);
      });
      return;
    }
    f.block(() => nest(i - 1));
    bodies[i]();
  };
  // The outermost block belongs to the last body: bodies[k] follows the end of the block k levels out.
  nest(bodies.length - 1);
}

interface JumpContext {
  readonly state: Local<'i32'>;
  readonly record: Local<'i32'>;
  readonly table: () => I32;
  readonly target: Local<'i64'>;
  readonly linking: Local<'i32'>;
  readonly indirect: Local<'i32'>;
  readonly next: Label;
  readonly hot: Callee;
  /** `FIND_CROSSING`. */
  findCrossing(slot: I32, linear: I64): I32;
  /** `FILL_EXECUTE`. */
  fillExecute(linear: I64): I32;
}

/** Near branch to `target` (an instruction pointer): within the page by its table, else by the execute TLB. */
function emitJump(f: FunctionBuilder, c: JumpContext): void {
  const { state, record, table, target, linking, indirect, next, hot } = c;
  f.scope(() => {
    const lookup = () => {
      storeRip(f, state, target);
      f.return(i32.const(RETURN.LOOKUP));
    };
    const codeBase = i64.load(state, STATE.EFFECTIVE_BASE + 8);
    const linear = f.let(i64.and(i64.add(target, codeBase), i64.load(state, STATE.ADDRESS_MASK)));
    const slot = (): I32 => i32.shl(i32.and(i32.wrap_i64(linear), i32.const(0xfff)), i32.const(2));
    const found = f.local('i32');
    f.ifUnlikely(i64.gt_u(target, i64.load(state, STATE.CODE_LIMIT)), lookup);
    const page = f.let(i64.and(linear, i64.const(~0xfffn)));
    /** Where the table has no record: to an instruction that crosses into the next page, or to TypeScript. */
    const otherwise = (ofTable: I32, enterPage: () => void) =>
      f.ifUnlikely(i32.eqz(found), () => {
        f.set(found, c.findCrossing(i32.add(ofTable, slot()), linear));
        f.if(i32.eqz(found), lookup);
        enterPage();
        // No link: it is the second page that decides each time.
        f.set(record, found);
        f.br(next);
      });
    f.if(
      i64.eq(page, i64.load(state, STATE.PAGE_LINEAR)),
      () => {
        f.set(found, i32.load(i32.add(table(), slot())));
        otherwise(table(), () => {});
        f.if(linking, () => f.store('i32', linking, found, RECORD.LINK));
      },
      () => {
        const entry = f.let(executeEntry(i32.load(state, STATE.TLB_BANK), i32.wrap_i64(linear)));
        f.ifUnlikely(
          i64.ne(i64.load(entry, TLB.EXECUTE), i64.or(page, i64.load(state, STATE.CODE_MODE))),
          () => f.ifUnlikely(i32.eqz(c.fillExecute(linear)), lookup),
        );
        const ofTable = i32.load(entry, TLB.EXECUTE + TLB.PAYLOAD);
        const enterPage = () => {
          f.store('i32', state, ofTable, STATE.TABLE);
          f.store('i64', state, page, STATE.PAGE_LINEAR);
          f.store('i64', state, i64.sub(target, i64.and(linear, i64.const(0xfff))), STATE.PAGE_IP);
        };
        f.set(found, i32.const(0));
        f.if(linking, () =>
          f.if(i32.eq(i32.load(linking, RECORD.FAR_TABLE), ofTable), () =>
            f.set(found, i32.load(linking, RECORD.FAR_LINK)),
          ),
        );
        f.if(i32.eqz(found), () => {
          f.set(found, i32.load(i32.add(ofTable, slot())));
          otherwise(ofTable, enterPage);
          f.if(linking, () => {
            f.store('i32', linking, ofTable, RECORD.FAR_TABLE);
            f.store('i32', linking, found, RECORD.FAR_LINK);
          });
        });
        enterPage();
      },
    );
    f.if(indirect, () => noteTarget(f, indirect, i32.wrap_i64(target)));
    countBranch(f, found, table(), hot);
    f.set(record, found);
    f.br(next);
  });
}

const recordIp = (state: I32, record: I32): I64 =>
  i64.add(i64.load(state, STATE.PAGE_IP), i64.load16_u(record, RECORD.OFFSET));

function storeRip(f: FunctionBuilder, state: I32, ip: I64): void {
  f.store('i64', state, ip, STATE.RIP);
}
