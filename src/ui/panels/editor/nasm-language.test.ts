import { StringStream } from '@codemirror/language';
import { expect, test } from 'vitest';
import { nasm } from './nasm-language.ts';

/** Words of a line with their styles; unstyled ones are left out. */
function styles(line: string): string[] {
  const { streamParser } = nasm as unknown as {
    streamParser: { startState(): unknown; token(stream: StringStream, state: unknown): string | null };
  };
  const state = streamParser.startState();
  const stream = new StringStream(line, 8, 8);
  const found: string[] = [];
  while (!stream.eol()) {
    const style = streamParser.token(stream, state);
    if (style !== null && style !== 'punctuation') found.push(`${stream.current()} ${style}`);
    stream.start = stream.pos;
  }
  return found;
}

test.each([
  [
    'start: mov ax, [bx + 0x7c00] ; text',
    [
      'start labelName',
      'mov operatorKeyword',
      'ax variableName.special',
      'bx variableName.special',
      '+ operator',
      '0x7c00 number',
      '; text comment',
    ],
  ],
  [
    '.wait: in al, dx',
    ['.wait labelName', 'in operatorKeyword', 'al variableName.special', 'dx variableName.special'],
  ],
  ['COM1 equ 3f8h', ['COM1 labelName', 'equ keyword', '3f8h number']],
  [
    'times 510 - ($ - $$) db 0',
    [
      'times keyword',
      '510 number',
      '- operator',
      '$ atom',
      '- operator',
      '$$ atom',
      'db keyword',
      '0 number',
    ],
  ],
  ['db \'it; is\', "x"', ['db keyword', "'it; is' string", '"x" string']],
  ['rep stosb', ['rep operatorKeyword', 'stosb operatorKeyword']],
  ['%macro put 1', ['%macro processingInstruction', 'put variableName', '1 number']],
  ['        out dx, byte %1', ['out operatorKeyword', 'dx variableName.special', 'byte modifier', '%1 atom']],
  ['call put', ['call operatorKeyword', 'put variableName']],
])('%s', (line, expected) => expect(styles(line)).toEqual(expected));
