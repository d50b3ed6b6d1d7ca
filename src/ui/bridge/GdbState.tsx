import { useEffect, useRef } from 'react';
import { useView } from '../../client/lab-store.ts';
import { report, say } from '../../client/notices.ts';
import type { GdbView } from '../../protocol/gdb-view.ts';
import { machineName } from '../describe.ts';
import { Button } from '../widgets/Button.tsx';

interface Props {
  readonly onOpen: () => void;
  /** The dialog is open, and tells of trouble itself. */
  readonly open: boolean;
}

/** How it stands with gdb, in the status line; nothing while there is no bridge. */
export function GdbState({ onOpen, open }: Props) {
  const view = useView('gdb');
  const text = view ? textOf(view) : null;
  const trouble = view?.trouble ?? null;
  useEffect(() => {
    if (text !== null) say(text);
  }, [text]);
  const told = useRef<string | null>(null);
  useEffect(() => {
    if (trouble !== null && trouble !== told.current && !open)
      report({ what: trouble, where: 'gdb', remedy: null });
    told.current = trouble;
  }, [trouble, open]);
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
      return `gdb runs ${vm === null ? 'the lab' : machineName(vm)}`;
  }
}
