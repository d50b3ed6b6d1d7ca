import { useEffect } from 'react';
import { useView } from '../../client/lab-store.ts';
import { report, say } from '../../client/notices.ts';
import type { GdbView } from '../../protocol/gdb-view.ts';
import { machineTag } from '../../protocol/target.ts';
import { Button } from '../widgets/Button.tsx';

/** How it stands with gdb, in the status line; nothing while there is no bridge. */
export function GdbState({ onOpen }: { readonly onOpen: () => void }) {
  const view = useView('gdb');
  const text = view ? textOf(view) : null;
  const trouble = view?.trouble ?? null;
  useEffect(() => {
    if (text !== null) say(text);
  }, [text]);
  useEffect(() => {
    if (trouble !== null) report({ what: trouble, where: 'gdb', remedy: null });
  }, [trouble]);
  if (text === null) return null;
  return (
    <Button small onClick={onOpen} title="The connection with gdb">
      {text}
    </Button>
  );
}

function textOf({ state, vm }: GdbView): string | null {
  switch (state) {
    case 'off':
      return null;
    case 'connecting':
      return 'gdb: connecting';
    case 'waiting':
      return 'gdb: awaited';
    case 'attached':
      return `gdb runs ${vm === null ? 'the lab' : machineTag(vm)}`;
  }
}
