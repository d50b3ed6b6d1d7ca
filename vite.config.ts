import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { interpreterBytes } from './src/cpu/engine.ts';
import { guestNamed } from './src/guests/index.ts';

/**
 * iced-x86 is packaged for Node: its glue reads the WebAssembly file through `fs` and takes the text
 * coders from `util`. In the Worker both are replaced: the file is fetched beside the bundle.
 */
function icedX86(): Plugin {
  const glue = /[\\/]iced-x86[\\/]iced_x86\.js$/;
  const tail = /const path = require\('path'\)[^\n]*\n+const bytes = require\('fs'\)[^\n]*\n/;
  const coders = /const \{ TextDecoder, TextEncoder \} = require\(`util`\);/;
  return {
    name: 'ringlab:iced-x86',
    enforce: 'pre',
    transform(code, id) {
      if (!glue.test(id)) return null;
      if (!tail.test(code) || !coders.test(code)) {
        this.error('The glue of iced-x86 has changed: adapt the plugin in vite.config.ts to it.');
      }
      const names = [...code.matchAll(/^module\.exports\.([A-Za-z]\w*) = /gm)]
        .map(([, name]) => name)
        .filter((name) => name !== undefined && !name.startsWith('__'));
      const body = code
        .replace(coders, '')
        .replace(tail, 'const bytes = await (await fetch(wasmUrl)).arrayBuffer();\n')
        .replace('new WebAssembly.Module(bytes)', 'await WebAssembly.compile(bytes)')
        .replace(
          'new WebAssembly.Instance(wasmModule, imports)',
          'await WebAssembly.instantiate(wasmModule, imports)',
        );
      const head = "import wasmUrl from 'iced-x86/iced_x86_bg.wasm?url';\nconst module = { exports: {} };\n";
      const exports = [...new Set(names)]
        .map((name) => `const iced_${name} = module.exports.${name};\nexport { iced_${name} as ${name} };`)
        .join('\n');
      return { code: `${head}${body}\n${exports}\n`, map: null };
    },
  };
}

/**
 * `virtual:guest/NAME`: a guest of src/guests, assembled while the page is built, so that opening it
 * need not wait for the assembler. The module's default export is the image in base64.
 */
function assembledGuests(): Plugin {
  const prefix = 'virtual:guest/';
  return {
    name: 'ringlab:assembled-guests',
    resolveId: (source) => (source.startsWith(prefix) ? `\0${source}` : null),
    load(id) {
      if (!id.startsWith(`\0${prefix}`)) return null;
      const name = id.slice(prefix.length + 1);
      const guest = guestNamed(name);
      if (guest === undefined) this.error(`src/guests has no guest named ${name}`);
      return `export default ${JSON.stringify(Buffer.from(guest.assemble().bytes).toString('base64'))};`;
    },
  };
}

/**
 * `virtual:interpreter`: address of the processor's interpreter as a WebAssembly file, generated while
 * the page is built; null under `vite dev`, where the Worker generates it.
 */
function generatedInterpreter(): Plugin {
  const id = '\0virtual:interpreter';
  let building = false;
  return {
    name: 'ringlab:generated-interpreter',
    configResolved(config) {
      building = config.command === 'build';
    },
    resolveId: (source) => (`\0${source}` === id ? id : null),
    load(asked) {
      if (asked !== id) return null;
      if (!building) return 'export default null;';
      const file = this.emitFile({ type: 'asset', name: 'interpreter.wasm', source: interpreterBytes() });
      return `export default import.meta.ROLLUP_FILE_URL_${file};`;
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [icedX86(), react()],
  worker: { format: 'es', plugins: () => [icedX86(), assembledGuests(), generatedInterpreter()] },
  optimizeDeps: { exclude: ['iced-x86'] },
  build: { target: 'es2023', chunkSizeWarningLimit: 2000 },
});
