import { expect, test } from 'vitest';
import { Computer } from '../../machine/computer.ts';
import { instant } from './device-texts.ts';
import { devicesView } from './devices.ts';

const OF = { vm: 101, vcpu: 0 };

function devices(prepare: (computer: Computer) => void) {
  const computer = new Computer({ ramBytes: 0x10_0000 });
  prepare(computer);
  const before = JSON.stringify(computer.board.save());
  const view = devicesView(OF, computer.board, computer.clock);
  expect(JSON.stringify(computer.board.save())).toBe(before);
  return (name: string) => view.devices.find((device) => device.name.startsWith(name));
}
const fact = (device: ReturnType<ReturnType<typeof devices>>, name: string) =>
  device?.facts.find((one) => one.name === name)?.value;

test('the interrupt controllers say what is masked, pending and in service', () => {
  const find = devices(({ board: { pic } }) => {
    // ICW1-4: vectors 20h and 28h; then everything but IRQ 4 masked.
    for (const [offset, value] of [
      [0, 0x11],
      [1, 0x20],
      [1, 4],
      [1, 1],
      [1, 0xef],
    ] as const)
      pic.master.write(offset, 1, value);
    pic.line(4).set(true);
  });
  const pic = find('Interrupt controllers');
  expect(fact(pic, 'vectors')).toBe('0x20 and 0x00 up');
  expect(pic?.table?.rows[4]).toEqual(['IRQ 4', 'com1', '0x24', 'edge', 'no', 'yes', 'yes', 'no']);
  expect(pic?.table?.rows[1]).toEqual(['IRQ 1', 'keyboard', '0x21', 'edge', 'yes', 'no', 'no', 'no']);
});

test('a timer tells when it fires', () => {
  const find = devices(({ board: { pit } }) => {
    // Channel 0, low then high byte, mode 2, 11932 ticks: 10 ms.
    for (const [offset, value] of [
      [3, 0x34],
      [0, 0x9c],
      [0, 0x2e],
    ] as const)
      pit.write(offset, 1, value);
  });
  const pit = find('Timer 8254');
  expect(fact(pit, 'channel 0 changes next')).toMatch(/^in (9\.99\d*|10) ms \(cycle \d+\)$/);
  expect(pit?.table?.rows[0]).toEqual(['0', '2: rate generator', '11932', 'no', 'open', 'yes']);
});

test('vectors that wait and are served, and inputs of the I/O APIC', () => {
  const find = devices(({ board: { localApics, ioApic } }) => {
    ioApic.write(0, 4, 0x10 + 2 * 5);
    ioApic.write(0x10, 4, 0x8041);
    ioApic.line(5).set(true);
    localApics[0]?.write(0xf0, 4, 0x1ff);
  });
  expect(find('I/O APIC')?.table?.rows).toContainEqual([
    '5',
    '0x41',
    'fixed',
    'physical 0x0',
    'level',
    'no',
    'yes',
    'yes',
  ]);
  expect(fact(find('Local APIC'), 'requested (IRR)')).toBe('0x41');
  expect(fact(find('Local APIC'), 'timer expires')).toBe('not armed');
});

test('every device of the board has a view', () => {
  const find = devices(() => {});
  expect(find('PCI bus')?.table?.rows.map(([, , kind]) => kind)).toEqual(['host bridge', 'ISA bridge']);
  expect(fact(find('Serial port'), 'line')).toMatch(/baud, \d bits, parity none$/);
  expect(fact(find('Keyboard'), 'keyboard interrupt')).toBe('enabled');
  expect(fact(find('Real-time'), 'shows')).toBe('1767225600 s since 1970 (UTC)');
});

test('instants have fitting units', () => {
  const clock = { hz: 1_000_000, now: () => 100, timer: () => expect.unreachable() };
  expect(instant(100, clock)).toBe('due now (cycle 100)');
  expect(instant(1100, clock)).toBe('in 1 ms (cycle 1100)');
  expect(instant(350, clock)).toBe('in 250 µs (cycle 350)');
  expect(instant(null, clock)).toBe('not armed');
});
