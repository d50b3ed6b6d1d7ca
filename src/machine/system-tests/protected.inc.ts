export const PROTECTED_INC = ``;
