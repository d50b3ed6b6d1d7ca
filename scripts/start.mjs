/**
 * Builds the lab and serves it on this computer.
 *
 * Usage: npm start [-- --port N]
 */
import { parseArgs } from 'node:util';
import { build, preview } from 'vite';

const USAGE = 'usage: npm start [-- --port N]';

/** @returns {number | undefined} the port asked for */
function portOption() {
  const { values } = parseArgs({ options: { port: { type: 'string' } } });
  if (values.port === undefined) return undefined;
  const port = Number(values.port);
  if (/^\d+$/.test(values.port) && port >= 1 && port <= 65535) return port;
  throw new Error(`--port ${values.port}: a port is a number from 1 to 65535`);
}

/** @param {number | undefined} port a given port must be free; otherwise the next free one from 8080 is taken */
async function start(port) {
  await build({ logLevel: 'warn' });
  const server = await preview({
    logLevel: 'warn',
    preview: { host: '127.0.0.1', port: port ?? 8080, strictPort: port !== undefined },
  });
  console.log(`Ringlab: ${server.resolvedUrls?.local[0]}   (end with Ctrl+C)`);
}

/** The port asked for; ends the program with status 2 and the usage when it is no port. */
function portOrExit() {
  try {
    return portOption();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
}

const port = portOrExit();
try {
  await start(port);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
