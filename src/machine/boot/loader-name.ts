/** What kernels are told when they ask who loaded them. */
export const LOADER_NAME = 'Ringlab';
