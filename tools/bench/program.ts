/** Makes a flat image of a kernel: code that calls it some times and then ends the run, and the kernel itself. */
import { assemble } from '../../src/isa/assembler/index.ts';
import { CODE, DATA } from './kernels.ts';

export interface Program {
  readonly image: Uint8Array;
  /** Offset of the kernel in the image, for a caller that is not the image's own. */
  readonly entry: number;
}

/** @param body of a function in 64-bit assembly. Throws an Error with the assembler's messages. */
export function buildProgram(name: string, body: string, calls = 1): Program {
  const source = `
        bits 64
        org ${CODE}
        %define DATA ${DATA}
        mov rsp, ${DATA}
        mov r15d, ${calls}
again:  call kernel
        dec r15d
        jnz again
        mov al, 0
        out 0xf4, al
        align 64
kernel:
${body}`;
  const { bytes, symbols, errors } = assemble(source, { file: name, includes: {}, format: 'bin' });
  if (errors.length > 0) throw new Error(errors.map((e) => `${name}:${e.line}: ${e.message}`).join('\n'));
  const kernel = symbols.find((s) => s.name === 'kernel');
  if (!kernel) throw new Error(`${name}: no kernel`);
  return { image: bytes, entry: Number(kernel.value) - CODE };
}
