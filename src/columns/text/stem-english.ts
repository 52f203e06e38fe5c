/**
 * The stem of a lower-case English word: the Porter 2 algorithm as Snowball maintains it
 * (https://snowballstem.org/algorithms/english/stemmer.html), without its care for apostrophes, which
 * separate terms here. Words of letters other than a to z pass through unchanged. A stem is never longer
 * than its word.
 */
export function stemEnglish(word: string): string {
  if (word.length <= 2 || !/^[a-z]+$/.test(word)) return word;
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return irregular;
  const text = markConsonantY(word);
  const r1 = regionOne(text);
  const r2 = regionAfter(text, r1);
  let stem = removePlural(text);
  stem = removePast(stem, r1);
  stem = turnFinalY(stem);
  stem = replaceIn(stem, r1, STEP_2);
  stem = stripDerivation(stem, r1, r2);
  stem = removeSuffix(stem, r2);
  stem = removeFinal(stem, r1, r2);
  return stem.toLowerCase();
}

const IRREGULAR = new Map([
  ['skis', 'ski'],
  ['skies', 'sky'],
  ['idly', 'idl'],
  ['gently', 'gentl'],
  ['ugly', 'ugli'],
  ['early', 'earli'],
  ['only', 'onli'],
  ['singly', 'singl'],
  ...['sky', 'news', 'howe', 'atlas', 'cosmos', 'bias', 'andes'].map((word): [string, string] => [word, word]),
]);

const VOWEL = /[aeiouy]/;
/** Words whose first region the rule would set too early. */
const LONG_ROOTS = /^(?:gener|commun|arsen|past|univers|later|emerg|organ|inter)/;
/** Ends in a short syllable: consonant, vowel, consonant other than w, x, Y; or a word of vowel, consonant. */
const SHORT_SYLLABLE = /(?:[^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy]|past)$/;

/** A y at the start or after a vowel is a consonant and written Y until the end. */
function markConsonantY(word: string): string {
  return word.replace(/^y/, 'Y').replace(/([aeiouy])y/g, '$1Y');
}

/** Where the region after the first consonant that follows a vowel begins, from `start` on. */
function regionAfter(text: string, start: number): number {
  const match = /[aeiouy][^aeiouy]/.exec(text.slice(start));
  return match === null ? text.length : start + match.index + 2;
}

function regionOne(text: string): number {
  const long = LONG_ROOTS.exec(text);
  return long === null ? regionAfter(text, 0) : long[0].length;
}

/** Step 1a. */
function removePlural(text: string): string {
  if (text.endsWith('sses')) return text.slice(0, -2);
  if (text.endsWith('ied') || text.endsWith('ies')) return text.slice(0, text.length > 4 ? -2 : -1);
  if (text.endsWith('us') || text.endsWith('ss')) return text;
  if (text.endsWith('s') && VOWEL.test(text.slice(0, -2))) return text.slice(0, -1);
  return text;
}

/** Step 1b. */
function removePast(text: string, r1: number): string {
  const eed = /eed(?:ly)?$/.exec(text);
  if (eed !== null) {
    if (/^(?:proc|exc|succ)$/.test(text.slice(0, eed.index))) return text;
    return eed.index >= r1 ? text.slice(0, eed.index + 2) : text;
  }
  const past = /(?:edly|ingly|ed|ing)$/.exec(text);
  if (past === null) return text;
  const stem = text.slice(0, past.index);
  if (past[0] === 'ing') {
    if (/^[^aeiouy]y$/.test(stem)) return `${stem.slice(0, 1)}ie`;
    if (/^(?:inn|out|cann|herr|earr|even)$/.test(stem)) return text;
  }
  if (!VOWEL.test(stem)) return text;
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (/(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(stem)) return /^[aeo]..$/.test(stem) ? stem : stem.slice(0, -1);
  return stem.length === r1 && SHORT_SYLLABLE.test(stem) ? `${stem}e` : stem;
}

/** Step 1c. */
function turnFinalY(text: string): string {
  return /.[^aeiouy][yY]$/.test(text) ? `${text.slice(0, -1)}i` : text;
}

type Rule = readonly [suffix: string, replacement: string, before?: RegExp];

/** The longest suffix is tried first and alone. */
const longestFirst = (rules: Rule[]): Rule[] => rules.sort(([a], [b]) => b.length - a.length);

const STEP_2 = longestFirst([
  ['tional', 'tion'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['entli', 'ent'],
  ['izer', 'ize'],
  ['ization', 'ize'],
  ['ational', 'ate'],
  ['ation', 'ate'],
  ['ator', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['alli', 'al'],
  ['fulness', 'ful'],
  ['ousli', 'ous'],
  ['ousness', 'ous'],
  ['iveness', 'ive'],
  ['iviti', 'ive'],
  ['biliti', 'ble'],
  ['bli', 'ble'],
  ['ogist', 'og'],
  ['ogi', 'og', /l$/],
  ['fulli', 'ful'],
  ['lessli', 'less'],
  ['li', '', /[cdeghkmnrt]$/],
]);

const STEP_3 = longestFirst([
  ['tional', 'tion'],
  ['ational', 'ate'],
  ['alize', 'al'],
  ['icate', 'ic'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
]);

const STEP_4 = longestFirst([
  ...['al', 'ance', 'ence', 'er', 'ic', 'able', 'ible', 'ant', 'ement', 'ment'].map((suffix): Rule => [suffix, '']),
  ...['ent', 'ism', 'ate', 'iti', 'ous', 'ive', 'ize'].map((suffix): Rule => [suffix, '']),
  ['ion', '', /[st]$/],
]);

function replaceIn(text: string, region: number, rules: readonly Rule[]): string {
  for (const [suffix, replacement, before] of rules) {
    if (!text.endsWith(suffix)) continue;
    const stem = text.slice(0, -suffix.length);
    if (stem.length < region || (before !== undefined && !before.test(stem))) return text;
    return stem + replacement;
  }
  return text;
}

/** Step 3; `ative` goes only where the second region has it. */
function stripDerivation(text: string, r1: number, r2: number): string {
  if (text.endsWith('ative')) return text.length - 5 >= r2 && text.length - 5 >= r1 ? text.slice(0, -5) : text;
  return replaceIn(text, r1, STEP_3);
}

/** Step 4. */
function removeSuffix(text: string, r2: number): string {
  return replaceIn(text, r2, STEP_4);
}

/** Step 5. */
function removeFinal(text: string, r1: number, r2: number): string {
  const stem = text.slice(0, -1);
  if (text.endsWith('e')) {
    return stem.length >= r2 || (stem.length >= r1 && !SHORT_SYLLABLE.test(stem)) ? stem : text;
  }
  return text.endsWith('l') && stem.length >= r2 && stem.endsWith('l') ? stem : text;
}
