/**
 * How well a name fits what was typed, from 0 (not at all) to 1: every word has to be in it, and words at the
 * beginning of the name's own, whole and early ones, fit better.
 */
export function fitness(name: string, typed: string): number {
  const text = name.toLowerCase();
  let product = 1;
  for (const word of typed.toLowerCase().split(/\s+/)) {
    const at = text.indexOf(word);
    if (at < 0) return 0;
    const begins = at === 0 || /\W/.test(text[at - 1]);
    const ends = at + word.length === text.length || /\W/.test(text[at + word.length]);
    product *= (begins ? 1 : 0.5) * (ends ? 1 : 0.9) * (1 - at / (10 * text.length));
  }
  return product;
}
