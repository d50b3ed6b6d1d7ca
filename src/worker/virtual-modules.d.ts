/** Made by vite.config.ts: an embedded guest's image, assembled from its source, in base64. */
declare module 'virtual:guest/*' {
  const base64: string;
  export default base64;
}

/** Made by vite.config.ts: where the interpreter is as a WebAssembly file; null: it has to be generated. */
declare module 'virtual:interpreter' {
  const url: string | null;
  export default url;
}
