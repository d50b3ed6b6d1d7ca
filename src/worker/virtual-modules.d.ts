/** Made by vite.config.ts: an embedded guest's image, assembled from its source, in base64. */
declare module 'virtual:guest/*' {
  const base64: string;
  export default base64;
}
