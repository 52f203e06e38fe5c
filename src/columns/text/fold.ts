import type { AnalyzerOptions } from './analyzer.ts';

/**
 * Marks that fold away: combining diacritics (Latin, Greek, Cyrillic), Hebrew points, Arabic vowel signs.
 * Vowel signs of the Indic scripts and the voicing marks of Japanese are letters' parts and stay.
 */
const DIACRITICS = new RegExp(
  [
    ...[
      '\\u0300-\\u036f',
      '\\u0483-\\u0489',
      '\\u0591-\\u05bd',
      '\\u05bf',
      '\\u05c1\\u05c2',
      '\\u05c4\\u05c5',
      '\\u05c7',
    ],
    ...[
      '\\u0610-\\u061a',
      '\\u064b-\\u065f',
      '\\u0670',
      '\\u06d6-\\u06dc',
      '\\u06df-\\u06e4',
      '\\u06e7\\u06e8',
      '\\u06ea-\\u06ed',
    ],
    ...[
      '\\u08ca-\\u08e1',
      '\\u08e3-\\u08ff',
      '\\u1ab0-\\u1aff',
      '\\u1dc0-\\u1dff',
      '\\u20d0-\\u20ff',
      '\\ufe20-\\ufe2f',
    ],
  ]
    .map((range) => `[${range}]`)
    .join('|'),
  'g',
);

/**
 * Text in the form in which terms are compared: compatibility-composed (NFKC, Unicode UAX #15), and case and
 * diacritics folded as the options say. Case folds by way of upper case, so that ß is ss and ς is σ. Folding
 * what is folded changes nothing.
 */
export function foldText(text: string, options: AnalyzerOptions): string {
  let folded = text.normalize('NFKC');
  if (options.case === 'fold') folded = foldCase(folded);
  if (options.diacritics === 'fold') {
    folded = folded.normalize('NFKD').replace(DIACRITICS, '').normalize('NFKC');
  } else {
    // Lower case can come apart: İ is i and a dot above.
    folded = folded.normalize('NFKC');
  }
  return folded;
}

function foldCase(text: string): string {
  // Down first, since ẞ has no upper case to go by.
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ');
}
