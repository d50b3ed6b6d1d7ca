/** Files that guest programs of the system tests may include. */
import { LONG_INC } from './long.inc.ts';
import { PROTECTED_INC } from './protected.inc.ts';
import { REAL_INC } from './real.inc.ts';
import { REPORT_INC } from './report.inc.ts';

export const GUEST_INCLUDES: Readonly<Record<string, string>> = {
  'report.inc': REPORT_INC,
  'real.inc': REAL_INC,
  'protected.inc': PROTECTED_INC,
  'long.inc': LONG_INC,
};
