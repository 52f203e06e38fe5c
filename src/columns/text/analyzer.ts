import type { FieldError } from '../../core/errors.ts';
import type { IndexDefinition } from '../index-definition.ts';

/** How text becomes terms; the same at build and at query. Options of a fulltext index, defaults filled in. */
export interface AnalyzerOptions {
  /** `fold`: upper and lower case are one. */
  readonly case: 'fold' | 'keep';
  /** `fold`: é, e and ë are one. */
  readonly diacritics: 'fold' | 'keep';
  /** `english`: the words of `ENGLISH_STOP_WORDS` are not indexed, though they keep their place in phrases. */
  readonly stopWords: 'none' | 'english';
  /** `english`: words are cut to their stem (Porter 2), so that `running` finds `runs`. */
  readonly stemming: 'none' | 'english';
}

/** What an index has whose options say nothing. */
export const DEFAULT_ANALYZER: AnalyzerOptions = {
  case: 'fold',
  diacritics: 'fold',
  stopWords: 'none',
  stemming: 'none',
};

const CHOICES = {
  case: ['fold', 'keep'],
  diacritics: ['fold', 'keep'],
  stopWords: ['none', 'english'],
  stemming: ['none', 'english'],
} as const satisfies { [Name in keyof AnalyzerOptions]: readonly AnalyzerOptions[Name][] };

type Options = IndexDefinition['options'];

/** Faults of a fulltext index's options, by path below the definition. */
export function checkAnalyzer(options: Options): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(options)) {
    const choices: readonly unknown[] | undefined = Object.hasOwn(CHOICES, name)
      ? CHOICES[name as keyof AnalyzerOptions]
      : undefined;
    if (choices === undefined) {
      errors.push({ path: `options.${name}`, message: `expected one of ${Object.keys(CHOICES).join(', ')}` });
    } else if (!choices.includes(value)) {
      errors.push({ path: `options.${name}`, message: `expected one of ${choices.join(', ')}` });
    }
  }
  return errors;
}

function choose<T>(choices: readonly T[], value: unknown, otherwise: T): T {
  return choices.find((choice) => choice === value) ?? otherwise;
}

/** The analyzer that options declare; what they do not say is the default. */
export function analyzerOf(options: Options): AnalyzerOptions {
  return {
    case: choose(CHOICES.case, options.case, DEFAULT_ANALYZER.case),
    diacritics: choose(CHOICES.diacritics, options.diacritics, DEFAULT_ANALYZER.diacritics),
    stopWords: choose(CHOICES.stopWords, options.stopWords, DEFAULT_ANALYZER.stopWords),
    stemming: choose(CHOICES.stemming, options.stemming, DEFAULT_ANALYZER.stemming),
  };
}

/**
 * The fulltext definition that MATCH on a column obeys, built or not: the first by name. Without one the
 * default analyzer holds and the text is read.
 */
export function fulltextDefinition(
  definitions: readonly IndexDefinition[],
  column: string,
): IndexDefinition | undefined {
  return definitions
    .filter(({ kind, fields }) => kind === 'fulltext' && fields[0] === column)
    .sort((a, b) => (a.name < b.name ? -1 : 1))[0];
}

/** Whether two analyzers make the same terms of every text. */
export function sameAnalyzer(a: AnalyzerOptions, b: AnalyzerOptions): boolean {
  return a.case === b.case && a.diacritics === b.diacritics && a.stopWords === b.stopWords && a.stemming === b.stemming;
}
