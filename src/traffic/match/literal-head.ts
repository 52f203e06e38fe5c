import type { Condition } from './conditions.ts';

const SPECIAL = '\\.*+?()[]{}|^$';

/**
 * The whole segments that a path's expression begins with, as a condition that can be looked up: of `/orders/v[0-9]+`
 * it is `/orders` and a slash. Null where the expression begins with none. It is read off the text without parsing, so
 * what is not plainly literal ends it.
 */
export function literalHead(pattern: string): Condition | null {
  const text = hasAlternatives(pattern) ? '' : literalStart(pattern);
  const head = text.slice(0, Math.max(0, text.lastIndexOf('/')));
  const segments = head.split('/').length - 1;
  if (segments === 0) return null;
  const values: ReadonlySet<string> = new Set([head]);
  const found: Condition['found'] = ({ target: { path } }) => headOf(path, segments);
  return {
    subject: `path of ${segments} segments`,
    expected: head,
    values,
    found,
    holds: (facts) => found(facts) === head,
  };
}

/** The first segments of a path that has a slash behind them, else null. */
function headOf(path: string, segments: number): string | null {
  let end = 0;
  for (let i = 0; i < segments && end >= 0; i++) end = path.indexOf('/', end + 1);
  return end < 0 ? null : path.slice(0, end);
}

function literalStart(pattern: string): string {
  let text = '';
  for (let at = pattern.startsWith('^') ? 1 : 0; at < pattern.length; at++) {
    let char = pattern[at];
    if (char === '\\' && /[^A-Za-z0-9]/.test(pattern[at + 1] ?? 'a')) char = pattern[++at];
    else if (SPECIAL.includes(char)) {
      // What a quantifier follows may be there or not.
      return '*+?{'.includes(char) ? text.slice(0, -1) : text;
    }
    text += char;
  }
  return text;
}

/** Whether a `|` stands outside of all groups and classes, or may: quoting and classes in classes are not looked into. */
function hasAlternatives(pattern: string): boolean {
  if (/\\Q|\[:|\[\^?\]/.test(pattern)) return pattern.includes('|');
  let depth = 0;
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    if (char === '\\') at++;
    else if (inClass) inClass = char !== ']';
    else if (char === '[') inClass = true;
    else if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === '|' && depth === 0) return true;
  }
  return false;
}
