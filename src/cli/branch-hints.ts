/**
 * Makes Node.js heed the branch hints of generated code, which browsers do by themselves: V8 11 and 12 (Node.js 20
 * and 22) keep that behind a flag. Later ones are left as they are.
 */
import { setFlagsFromString } from 'node:v8';

const [major] = process.versions.v8.split('.').map(Number);
if (major === 11 || major === 12) setFlagsFromString('--experimental-wasm-branch-hinting');
