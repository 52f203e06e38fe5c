/** A piece of SQL text; comments and white space are between tokens. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol';
  /** Offsets in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** As written; words in lower case. */
  readonly text: string;
}

const WORD_START = /[A-Za-z_\u0080-\uffff]/;
const WORD_PART = /[A-Za-z0-9_$\u0080-\uffff]/;
const DIGIT = /[0-9]/;
/** Characters PostgreSQL builds operators of, less those that are tokens of their own. */
const OPERATOR = /[+\-*/<>=~!@#%^&|`]/;

/**
 * Splits a text as PostgreSQL's scanner does (https://www.postgresql.org/docs/current/sql-syntax-lexical.html),
 * closely enough to find keywords outside strings and comments. What does not close runs to the end of the
 * text; the parser proper reports it.
 */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const push = (kind: Token['kind'], end: number) => {
    const text = sql.slice(at, end);
    tokens.push({ kind, start: at, end, text: kind === 'word' ? text.toLowerCase() : text });
    at = end;
  };
  while (at < sql.length) {
    const char = sql[at];
    if (/\s/.test(char)) at++;
    else if (sql.startsWith('--', at)) at = lineEnd(sql, at);
    else if (sql.startsWith('/*', at)) at = commentEnd(sql, at);
    else if (/[eE]/.test(char) && sql[at + 1] === "'") push('string', stringEnd(sql, at + 1, true));
    else if (/[bBnNxX]/.test(char) && sql[at + 1] === "'") push('string', stringEnd(sql, at + 1, false));
    else if (/[uU]/.test(char) && sql[at + 1] === '&' && sql[at + 2] === "'")
      push('string', stringEnd(sql, at + 2, false));
    else if (char === "'") push('string', stringEnd(sql, at, false));
    else if (char === '"') push('quoted', quotedEnd(sql, at));
    else if (WORD_START.test(char)) push('word', run(sql, at + 1, WORD_PART));
    else if (DIGIT.test(char) || (char === '.' && DIGIT.test(sql[at + 1] ?? ''))) push('number', numberEnd(sql, at));
    else if (char === '$') dollar();
    else if (OPERATOR.test(char)) push('symbol', operatorEnd(sql, at));
    else push('symbol', sql.startsWith('::', at) || sql.startsWith(':=', at) ? at + 2 : at + 1);
  }
  return tokens;

  function dollar(): void {
    if (DIGIT.test(sql[at + 1] ?? '')) {
      push('parameter', run(sql, at + 1, DIGIT));
      return;
    }
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/.exec(sql.slice(at, at + 66))?.[0];
    if (tag === undefined) {
      push('symbol', at + 1);
      return;
    }
    const close = sql.indexOf(tag, at + tag.length);
    push('string', close < 0 ? sql.length : close + tag.length);
  }
}

function run(sql: string, from: number, pattern: RegExp): number {
  let at = from;
  while (at < sql.length && pattern.test(sql[at])) at++;
  return at;
}

function lineEnd(sql: string, from: number): number {
  const end = sql.indexOf('\n', from);
  return end < 0 ? sql.length : end;
}

/** Block comments nest in PostgreSQL. */
function commentEnd(sql: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < sql.length) {
    if (sql.startsWith('/*', at)) {
      depth++;
      at += 2;
    } else if (sql.startsWith('*/', at)) {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else at++;
  }
  return at;
}

function stringEnd(sql: string, quote: number, escapes: boolean): number {
  let at = quote + 1;
  while (at < sql.length) {
    if (escapes && sql[at] === '\\') at += 2;
    else if (sql[at] !== "'") at++;
    else if (sql[at + 1] === "'") at += 2;
    else return at + 1;
  }
  return sql.length;
}

function quotedEnd(sql: string, quote: number): number {
  let at = quote + 1;
  while (at < sql.length) {
    if (sql[at] !== '"') at++;
    else if (sql[at + 1] === '"') at += 2;
    else return at + 1;
  }
  return sql.length;
}

function numberEnd(sql: string, from: number): number {
  const match = /^(?:0[xX][0-9a-fA-F_]+|[0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9]+)?)/.exec(sql.slice(from, from + 400));
  return from + Math.max(1, match?.[0].length ?? 1);
}

/** An operator ends before a comment, and before a trailing `+` or `-` unless it has a character that allows one. */
function operatorEnd(sql: string, from: number): number {
  let end = from;
  while (end < sql.length && OPERATOR.test(sql[end])) {
    if (end > from && (sql.startsWith('--', end) || sql.startsWith('/*', end))) break;
    end++;
  }
  if (!/[~!@#%^&|`]/.test(sql.slice(from, end))) {
    while (end > from + 1 && /[+-]/.test(sql[end - 1])) end--;
  }
  return end;
}
