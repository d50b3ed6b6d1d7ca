import { openSource, type ProgramSettings, useProgram } from './program-store.ts';

/** Lets the user choose a file; its text takes the place of the present one. */
export function openFile(): Promise<void> {
  return new Promise((resolve) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = '.asm,.s,.inc,.nasm,text/plain';
    input.addEventListener('cancel', () => resolve());
    input.addEventListener('change', async () => {
      const file = input.files?.[0];
      const format = useProgram.getState().settings?.format ?? 'bin';
      if (file !== undefined) openSource({ name: file.name, text: await file.text(), format });
      resolve();
    });
    input.click();
  });
}

export function saveFile({ name, text }: ProgramSettings): void {
  const link = document.createElement('a');
  link.download = name;
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  link.click();
  URL.revokeObjectURL(link.href);
}
