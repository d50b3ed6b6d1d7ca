/** Names of the bundles of the lab's compiling thread, in the folder of the other bundles. */
export const COMPILER = { node: 'compiler-node.mjs', worker: 'compiler.mjs' } as const;
