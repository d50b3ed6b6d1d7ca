import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { command } from '../../../client/lab.ts';
import {
  type AddressExpression,
  type MemoryRow,
  type MemoryView,
  ROW_BYTES,
} from '../../../protocol/memory-view.ts';
import { asksWhoWrote, writtenBytes } from '../../context-menu/who-wrote.ts';
import { hex, short } from '../../format.ts';
import { ValueInput } from '../../widgets/ValueInput.tsx';
import { ascii, bytesOf, type Cell, type CellWidth, cellsOf, linesOf } from './cells.ts';
import { cursorMove } from './cursor.ts';
import { moved } from './expression.ts';
import css from './Memory.module.css';

const LINE_HEIGHT = 20;
/** Pixels that a line of 16 bytes needs, by digits of its address; narrower panels have 8. */
const WIDE = { 8: 510, 16: 635 } as const;
const FEWEST_LINES = 4;
const WHEEL_ROWS = 3n;
const ROW = BigInt(ROW_BYTES);

interface Props {
  readonly view: MemoryView;
  readonly at: AddressExpression;
  readonly width: CellWidth;
  readonly onLook: (at: AddressExpression) => void;
  readonly onRows: (rows: number) => void;
}

/** What is being typed over a cell. */
interface Editing {
  readonly address: bigint;
  readonly text: string;
  /** The text is a digit that was typed. */
  readonly begun: boolean;
}

export function Grid({ view, at, width, onLook, onRows }: Props) {
  const table = useRef<HTMLTableElement>(null);
  const [cursor, setCursor] = useState<bigint | null>(null);
  const [editing, setEditing] = useState<Editing | null>(null);
  const first = view.rows[0]?.address ?? 0n;
  const digits = (view.rows.at(-1)?.address ?? 0n) >> 32n === 0n ? 8 : 16;
  const [frame, line] = useLines(onRows, WIDE[digits]);
  const last = first + BigInt(view.rows.length * ROW_BYTES);
  const wanted = cursor !== null && cursor >= first && cursor < last ? cursor : view.address;
  const chosen = wanted - (wanted % BigInt(width));
  /** The cell to be focused once it is there: after a scroll the Worker sends it. */
  const awaited = useRef<bigint | null>(null);
  const focusCell = (address: bigint) => {
    awaited.current = address;
  };
  useEffect(() => {
    if (awaited.current === null) return;
    const cell = table.current?.querySelector<HTMLElement>(`[data-address="${awaited.current}"]`);
    if (!cell) return;
    awaited.current = null;
    cell.focus({ preventScroll: true });
  });
  const scroll = (bytes: bigint) => onLook(moved(at, bytes));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey || editing !== null) return;
    const shown = view.rows.length * ROW_BYTES;
    const move = cursorMove(event.key, { at: chosen, width, shown, line }, first);
    const isDigit = /^[0-9a-f]$/i.test(event.key);
    if (move === undefined && !isDigit && event.key !== 'Enter') return;
    event.preventDefault();
    event.stopPropagation();
    if (move === undefined) {
      edit(chosen, isDigit ? event.key : null);
      return;
    }
    setCursor(move.to);
    if (move.scroll !== 0n) scroll(move.scroll);
    focusCell(move.to);
  };
  const edit = (address: bigint, typed: string | null) => {
    const row = view.rows.find((one) => address >= one.address && address < one.address + ROW);
    if (row === undefined || row.missing !== null) return;
    const cell = cellsOf(row, width).find((one) => one.address === address);
    setCursor(address);
    setEditing({ address, text: typed ?? cell?.text ?? '', begun: typed !== null });
  };
  const commit = (address: bigint, text: string) => {
    const bytes = bytesOf(text, width);
    if (bytes === undefined) return;
    const { of, space } = view;
    void command({ kind: 'edit', edit: { kind: 'memory', on: of, space, address, bytes } });
  };
  const cell = (one: Cell) => (
    <td
      key={String(one.address)}
      data-address={one.address}
      data-changed={one.changed}
      tabIndex={one.address === chosen ? 0 : -1}
      className={css.cell}
      {...asksWhoWrote(
        width === 1 ? `the byte at ${short(one.address)}` : `${width} bytes at ${short(one.address)}`,
        writtenBytes(view.space, one.address, width),
      )}
      onFocus={() => setCursor(one.address)}
      onDoubleClick={() => edit(one.address, null)}
    >
      {editing?.address === one.address ? (
        <ValueInput
          label={`New value at ${short(one.address)}`}
          text={editing.text}
          begun={editing.begun}
          digits={width * 2}
          valid={(text) => bytesOf(text, width) !== undefined}
          onCommit={(text) => commit(one.address, text)}
          onEnd={(byKey) => {
            setEditing(null);
            if (byKey) focusCell(one.address);
          }}
        />
      ) : (
        one.text
      )}
      {one.changed && <span className="unseen"> changed</span>}
    </td>
  );
  return (
    <div
      ref={frame}
      className={css.frame}
      onWheel={(event) => event.deltaY !== 0 && scroll((event.deltaY > 0 ? 1n : -1n) * WHEEL_ROWS * ROW)}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: the pattern of a grid on a table */}
      <table ref={table} role="grid" className={css.table} onKeyDown={onKeyDown}>
        <caption className="unseen">
          Memory at {view.space} addresses. Arrow keys move, Page Up and Page Down scroll, digits or Enter
          change a value, w asks who wrote it.
        </caption>
        <thead>
          <tr>
            <th scope="col">address</th>
            {Array.from({ length: line / width }, (_, n) => (
              <th key={hex(n * width)} scope="col" aria-label={`offset ${hex(n * width)}`}>
                {hex(n * width)}
              </th>
            ))}
            <th scope="col">text</th>
          </tr>
        </thead>
        <tbody>
          {view.rows
            .flatMap((row) => linesOf(row, line))
            .map((row) => (
              <tr key={String(row.address)}>
                <th scope="row">{hex(row.address, digits)}</th>
                <Bytes row={row} cells={line / width}>
                  {row.missing === null && cellsOf(row, width).map(cell)}
                </Bytes>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}

function Bytes({
  row,
  cells,
  children,
}: {
  readonly row: MemoryRow;
  readonly cells: number;
  readonly children: React.ReactNode;
}) {
  if (row.missing !== null)
    return (
      <td className={css.missing} colSpan={cells + 1} tabIndex={-1} data-address={row.address}>
        no memory: {row.missing}
      </td>
    );
  return (
    <>
      {children}
      <td className={css.text}>{ascii(row.bytes)}</td>
    </>
  );
}

/** Asks for as many rows as fit into the panel. @returns the panel's frame, and how many bytes a line of it has */
function useLines(
  onRows: (rows: number) => void,
  wide: number,
): [React.RefObject<HTMLDivElement | null>, number] {
  const frame = useRef<HTMLDivElement>(null);
  const [line, setLine] = useState(ROW_BYTES);
  const latest = useRef(onRows);
  latest.current = onRows;
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    let before = 0;
    const observer = new ResizeObserver(() => {
      const bytes = element.clientWidth < wide ? ROW_BYTES / 2 : ROW_BYTES;
      const lines = Math.max(FEWEST_LINES, Math.floor(element.clientHeight / LINE_HEIGHT) - 1);
      const rows = Math.ceil((lines * bytes) / ROW_BYTES);
      setLine(bytes);
      if (rows !== before) latest.current(rows);
      before = rows;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [wide]);
  return [frame, line];
}
