import { Formatter, FormatterSyntax } from 'iced-x86';

/** NASM's syntax as the page shows it. To be freed. */
export function nasmFormatter(): Formatter {
  const formatter = new Formatter(FormatterSyntax.Nasm);
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.uppercaseHex = false;
  formatter.spaceAfterOperandSeparator = true;
  formatter.branchLeadingZeros = false;
  formatter.showBranchSize = false;
  return formatter;
}
