import type { Scalar } from '../../columns/column.ts';
import { BOOL, type ColumnType, INT64, JSON_TYPE, STRING } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { groupText, Regex } from '../../core/regex/regex.ts';
import type { RegexFlags } from '../../core/regex/syntax.ts';
import { type Signature, strings } from './coercion.ts';
import { define, type ScalarFunctionDefinition } from './definition.ts';

const takes = (args: readonly ColumnType[], type: ColumnType): Signature => ({ args, type });

/** A LIKE pattern taken apart: literal characters, `%` (any text) and `_` (one character). */
type LikePart = string | { readonly any: boolean };

function likeParts(pattern: string, escapeWith: string): LikePart[] {
  const parts: LikePart[] = [];
  const chars = Array.from(pattern);
  for (let i = 0; i < chars.length; i++) {
    if (chars[i] === escapeWith && escapeWith !== '') {
      i++;
      if (i === chars.length) throw new OrasiError('type_error', 'a LIKE pattern does not end in its escape character');
      parts.push(chars[i]);
    } else if (chars[i] === '%') parts.push({ any: true });
    else if (chars[i] === '_') parts.push({ any: false });
    else parts.push(chars[i]);
  }
  return parts;
}

/** Whether a text is like a pattern. Only the last `%` is ever tried again, so time is at most their product. */
function isLike(text: string, pattern: string, escapeWith: string, ignoreCase: boolean): boolean {
  const fold = (value: string) => (ignoreCase ? value.toLowerCase() : value);
  const parts = likeParts(fold(pattern), fold(escapeWith));
  const chars = Array.from(fold(text));
  let at = 0;
  let part = 0;
  let retryPart = -1;
  let retryAt = 0;
  while (at < chars.length) {
    const expected = parts[part];
    if (typeof expected === 'object' && expected.any) {
      retryPart = ++part;
      retryAt = at;
    } else if (expected !== undefined && (typeof expected === 'object' || expected === chars[at])) {
      at++;
      part++;
    } else if (retryPart >= 0) {
      part = retryPart;
      at = ++retryAt;
    } else return false;
  }
  return parts.slice(part).every((rest) => typeof rest === 'object' && rest.any);
}

function like(name: string, ignoreCase: boolean, negated: boolean): ScalarFunctionDefinition {
  return define({
    name,
    signatures: [strings(2, BOOL), strings(3, BOOL)],
    evaluate([text, pattern, escapeWith]) {
      const found = isLike(
        String(text),
        String(pattern),
        escapeWith === undefined ? '' : String(escapeWith),
        ignoreCase,
      );
      return found !== negated;
    },
  });
}

const compiled = new Map<string, Regex>();

/** Patterns are mostly constants, so the last few are kept. */
function regexOf(pattern: Scalar, options: Scalar | undefined): { regex: Regex; all: boolean } {
  const letters = options === undefined ? '' : String(options);
  const key = `${letters}/${pattern}`;
  let regex = compiled.get(key);
  if (regex === undefined) {
    regex = letters.includes('l')
      ? new Regex(quote(String(pattern)), flagsOf(letters))
      : new Regex(String(pattern), flagsOf(letters));
    if (compiled.size >= 64) compiled.clear();
    compiled.set(key, regex);
  }
  return { regex, all: letters.includes('g') };
}

function quote(literal: string): string {
  return literal.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function flagsOf(letters: string): RegexFlags {
  for (const letter of letters) {
    if (!'cilmnpsg'.includes(letter)) {
      throw new OrasiError('type_error', `a regular expression has no option '${letter}'`);
    }
  }
  // By default `.` takes newlines, as DuckDB sets RE2 up; `m`, `n` and `p` make it stop at them.
  return {
    ignoreCase: letters.includes('i'),
    dotAll: !/[mnp]/.test(letters) || letters.includes('s'),
    multiline: false,
  };
}

function groupNumber(regex: Regex, group: Scalar | undefined): number {
  if (group === undefined) return 0;
  const index = typeof group === 'string' ? regex.names.get(group) : Number(group);
  if (index === undefined || index < 0 || index > regex.groups) {
    throw new OrasiError('type_error', `the regular expression has no group ${group}`);
  }
  return index;
}

export const PATTERN_FUNCTIONS: readonly ScalarFunctionDefinition[] = [
  like('like', false, false),
  like('ilike', true, false),
  define({
    name: 'regexp_matches',
    signatures: [strings(2, BOOL), strings(3, BOOL)],
    evaluate: ([text, pattern, options]) => regexOf(pattern, options).regex.occursIn(String(text)),
  }),
  define({
    name: 'regexp_full_match',
    signatures: [strings(2, BOOL), strings(3, BOOL)],
    evaluate: ([text, pattern, options]) => regexOf(pattern, options).regex.matchesWhole(String(text)),
  }),
  define({
    name: 'regexp_replace',
    signatures: [strings(3), strings(4)],
    evaluate([text, pattern, replacement, options]) {
      const { regex, all } = regexOf(pattern, options);
      return regex.replace(String(text), String(replacement), all);
    },
  }),
  define({
    name: 'regexp_extract',
    signatures: [strings(2), takes([STRING, STRING, INT64], STRING), takes([STRING, STRING, INT64, STRING], STRING)],
    evaluate([text, pattern, group, options]) {
      const { regex } = regexOf(pattern, options);
      const match = regex.exec(String(text));
      const index = groupNumber(regex, group);
      return match === null ? '' : (groupText(String(text), match, index) ?? '');
    },
  }),
  define({
    name: 'regexp_extract_all',
    signatures: [strings(2, JSON_TYPE), takes([STRING, STRING, INT64], JSON_TYPE)],
    evaluate([value, pattern, group]) {
      const { regex } = regexOf(pattern, undefined);
      const index = groupNumber(regex, group);
      const text = String(value);
      const found: string[] = [];
      for (let from = 0; from <= text.length; ) {
        const match = regex.exec(text, from);
        if (match === null) break;
        found.push(groupText(text, match, index) ?? '');
        from = match[1] > match[0] ? match[1] : match[1] + 1;
      }
      return JSON.stringify(found);
    },
  }),
];
