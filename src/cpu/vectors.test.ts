/**
 * Replays the recorded instruction vectors (tools/vectors) on the simulated processor: what single
 * instructions did on a real one, bit for bit wherever the manuals define the result. The first tier
 * replays all of them, the second a sample; `npm run vectors:replay` takes all.
 */
import { describe, expect, it } from 'vitest';
import { Replayer, report, SETTINGS } from '../../tools/vectors/replay.ts';

const interpreter = new Replayer({ tier2: 'off' });

describe.each(SETTINGS)('recorded vectors $title', (setting) => {
  it.each(setting.files)(
    '%s',
    (name) => {
      const wrong = interpreter.replay(name, setting);
      expect(wrong.replayed).toBeGreaterThan(1000);
      expect(wrong.count, report(wrong)).toBe(0);
    },
    120_000,
  );
});

const regions = new Replayer({ tier2: 'forced', perTemplate: 2 });

describe.each(SETTINGS)('recorded vectors, compiled, $title', (setting) => {
  it.each(setting.files)(
    '%s',
    (name) => {
      const wrong = regions.replay(name, setting);
      expect(wrong.replayed).toBeGreaterThan(5);
      expect(wrong.count, report(wrong)).toBe(0);
      expect(wrong.compiled).toBeGreaterThan(wrong.replayed / 2);
    },
    120_000,
  );
});
