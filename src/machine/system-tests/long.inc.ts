export const LONG_INC = ``;
