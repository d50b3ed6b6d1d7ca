/** Tables of text: the first column names, the others are numbers. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** @param markdown as a table of GitHub's Markdown, else in columns */
export function tableText({ head, rows }: Table, markdown: boolean): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const pad = (cell: string, i: number) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  const line = (cells: readonly string[]) =>
    markdown ? `| ${cells.map(pad).join(' | ')} |` : cells.map(pad).join('  ');
  const rule = widths.map((width, i) => '-'.repeat(width - (i === 0 ? 0 : 1)) + (i === 0 ? '' : ':'));
  return [line(head), ...(markdown ? [`| ${rule.join(' | ')} |`] : []), ...rows.map(line)].join('\n');
}
