/** What a code point is to the tokenizer. */
export const SEPARATOR = 0;
/** Letters and numbers: they run together into terms. */
const WORD = 1;
/** Marks: part of the letter before them, nothing by themselves. */
export const MARK = 2;
/** Letters of scripts written without spaces: each is a term, and a word of a query becomes a phrase. */
export const IDEOGRAPH = 3;

const PAGE = 256;
const pages: (Uint8Array | undefined)[] = new Array(0x110000 / PAGE);
const SPACELESS =
  /^(?:\p{sc=Han}|\p{sc=Hiragana}|\p{sc=Katakana}|\p{sc=Bopomofo}|\p{sc=Thai}|\p{sc=Lao}|\p{sc=Khmer}|\p{sc=Myanmar})$/u;

/** The class of a code point by Unicode's general category and script; tables fill as text needs them. */
export function characterClass(codePoint: number): number {
  let page = pages[codePoint >> 8];
  if (page === undefined) {
    page = new Uint8Array(PAGE);
    for (let i = 0; i < PAGE; i++) page[i] = classify(String.fromCodePoint((codePoint & ~0xff) + i));
    pages[codePoint >> 8] = page;
  }
  return page[codePoint & 0xff];
}

function classify(character: string): number {
  if (/^\p{M}$/u.test(character)) return MARK;
  if (!/^[\p{L}\p{N}]$/u.test(character)) return SEPARATOR;
  return /^\p{L}$/u.test(character) && SPACELESS.test(character) ? IDEOGRAPH : WORD;
}
