import { OrasiError } from '../../core/errors.ts';
import { KEYWORDS } from './keywords.ts';
import type { Token } from './tokens.ts';

/**
 * What DuckDB writes and PostgreSQL's grammar does not know, said in PostgreSQL's words. Rewriting looks at
 * tokens only, so it never touches strings or comments; offsets are mapped back to the text as written.
 *
 * Names in the rewritten text that begin with `$` are markers for the binder, which no column can be called
 * by accident: `"$all"` (GROUP BY ALL, ORDER BY ALL), `"$qualify"(…)`, `"$exclude"(…)`, `"$replace"(…)`.
 */
export interface Rewritten {
  readonly text: string;
  /** The offset in the text as written, of an offset in the rewritten one; both in UTF-16 units. */
  originalOffset(offset: number): number;
  readonly marks: Marks;
  /** Names longer than the 63 bytes PostgreSQL keeps, by the stand-in the rewritten text has for them. */
  readonly longNames: ReadonlyMap<string, string>;
}

/** Offsets, in the text as written, of constructs the tree itself does not tell apart. */
export interface Marks {
  /** `//`, written `%` for its precedence. */
  readonly integerDivisions: ReadonlySet<number>;
  /** `TRY_CAST`, written `CAST`. */
  readonly tryCasts: ReadonlySet<number>;
  /** The right table of a SEMI or ANTI JOIN, written INNER JOIN. */
  readonly semiJoins: ReadonlySet<number>;
  readonly antiJoins: ReadonlySet<number>;
}

const INTERVAL_UNITS: Readonly<Record<string, string>> = {
  year: 'to_years',
  years: 'to_years',
  month: 'to_months',
  months: 'to_months',
  week: 'to_weeks',
  weeks: 'to_weeks',
  day: 'to_days',
  days: 'to_days',
  hour: 'to_hours',
  hours: 'to_hours',
  minute: 'to_minutes',
  minutes: 'to_minutes',
  second: 'to_seconds',
  seconds: 'to_seconds',
  millisecond: 'to_milliseconds',
  milliseconds: 'to_milliseconds',
  microsecond: 'to_microseconds',
  microseconds: 'to_microseconds',
};

const CLAUSE_ENDS = new Set(['order', 'limit', 'offset', 'fetch', 'union', 'intersect', 'except', 'for']);
/** PostgreSQL truncates longer identifiers, silently. */
const NAME_BYTES = 63;

/** The statement as PostgreSQL's grammar takes it, and what was taken out of it. */
export function rewriteDialect(sql: string, tokens: readonly Token[]): Rewritten {
  const rewriter = new Rewriter(sql, tokens);
  tokens.forEach((_, i) => {
    rewriter.visit(i);
  });
  return rewriter.finish();
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

class Rewriter {
  readonly #sql: string;
  readonly #tokens: readonly Token[];
  /** Parenthesis depth before each token. */
  readonly #depth: number[] = [];
  readonly #edits: Edit[] = [];
  readonly #longNames = new Map<string, string>();
  readonly #marks = {
    integerDivisions: new Set<number>(),
    tryCasts: new Set<number>(),
    semiJoins: new Set<number>(),
    antiJoins: new Set<number>(),
  };
  #parameters = 0;
  /** Where the last edit over several tokens ends. */
  #rewrittenTo = 0;

  constructor(sql: string, tokens: readonly Token[]) {
    this.#sql = sql;
    this.#tokens = tokens;
    let depth = 0;
    for (const token of tokens) {
      if (token.text === ')' || token.text === ']') depth--;
      this.#depth.push(depth);
      if (token.text === '(' || token.text === '[') depth++;
    }
  }

  visit(i: number): void {
    const token = this.#tokens[i];
    // A token within an edit is already rewritten.
    if (token.start < this.#rewrittenTo) return;
    if (token.kind === 'symbol') this.#symbol(i);
    else if (token.kind === 'word') this.#word(i);
    else if (token.kind === 'quoted') this.#name(i, token.text.slice(1, -1).replaceAll('""', '"'));
  }

  #symbol(i: number): void {
    const token = this.#tokens[i];
    switch (token.text) {
      case '//':
        this.#replace(i, '% ');
        this.#marks.integerDivisions.add(token.start);
        break;
      case '==':
        this.#replace(i, '= ');
        break;
      case '?':
        this.#parameters++;
        this.#replace(i, `$${this.#parameters}`);
        break;
      case '[':
      case '{':
        if (!this.#isOperandEnd(i - 1)) {
          throw unsupported(token, `${token.text === '[' ? 'list' : 'struct'} literals are not supported`);
        }
        break;
      case '*':
        if (this.#text(i + 1) === 'exclude') this.#starList(i, i + 1, 'exclude');
        if (this.#text(i + 1) === 'replace' && this.#text(i + 2) === '(') this.#starList(i, i + 1, 'replace');
        break;
    }
  }

  #word(i: number): void {
    const token = this.#tokens[i];
    const next = this.#text(i + 1);
    switch (token.text) {
      case 'try_cast':
        if (next !== '(') break;
        this.#replace(i, 'CAST');
        this.#marks.tryCasts.add(token.start);
        return;
      case 'interval':
        this.#interval(i);
        return;
      case 'all':
        if (this.#text(i - 1) === 'by' && (this.#text(i - 2) === 'group' || this.#text(i - 2) === 'order')) {
          this.#replace(i, '"$all"');
          return;
        }
        break;
      case 'qualify':
        if (this.#text(i - 1) !== '.' && this.#text(i - 1) !== 'as' && next !== ',' && next !== undefined) {
          this.#qualify(i);
          return;
        }
        break;
      case 'semi':
      case 'anti':
      case 'asof':
      case 'positional':
        if (next === 'join') {
          this.#join(i);
          return;
        }
        break;
      case 'using':
        if (next === 'sample') throw unsupported(token, 'USING SAMPLE is not supported');
        break;
      case 'json_object':
      case 'json_array':
      case 'json_exists':
      case 'json_value':
      case 'json_query':
        if (next !== '(') break;
        this.#replace(i, `"${token.text}"`);
        return;
      case 'pivot':
      case 'unpivot':
        if (this.#isOperandEnd(i - 1)) throw unsupported(token, `${token.text.toUpperCase()} is not supported`);
        break;
    }
    const written = this.#sql.slice(token.start, token.end);
    if (isTooLong(written)) this.#name(i, written);
    else if (written !== token.text && this.#isName(i)) this.#replace(i, `"${written}"`);
  }

  /** Whether a word with capitals stands for a name, whose case the answer's header keeps. */
  #isName(i: number): boolean {
    const { text } = this.#tokens[i];
    const previous = this.#text(i - 1);
    const next = this.#text(i + 1);
    if (next === '(') return false;
    if (!KEYWORDS.has(text)) return true;
    if (previous === '.') return true;
    return previous === 'as' && !NEVER_ALIASES.has(text) && !this.#insideCast(i);
  }

  #insideCast(i: number): boolean {
    const depth = this.#depth[i];
    for (let j = i - 1; j > 0; j--) {
      if (this.#depth[j] < depth) return this.#text(j - 1) === 'cast' || this.#text(j - 1) === 'try_cast';
    }
    return false;
  }

  #name(i: number, name: string): void {
    if (!isTooLong(name)) return;
    const standIn = `$long${this.#longNames.size}`;
    this.#longNames.set(standIn, name);
    this.#replace(i, `"${standIn}"`);
  }

  /** `interval 2 month`, `interval (x) day`, `interval x day` */
  #interval(i: number): void {
    const value = this.#tokens[i + 1];
    if (value === undefined || value.kind === 'string') return;
    if (value.text === '(') {
      const close = this.#closing(i + 1);
      const unit = INTERVAL_UNITS[this.#text(close + 1) ?? ''];
      if (unit === undefined) return;
      this.#replace(i, unit);
      this.#replace(close + 1, '');
      return;
    }
    const unit = INTERVAL_UNITS[this.#text(i + 2) ?? ''];
    if (unit === undefined) return;
    if (value.kind === 'number') {
      const { end } = this.#tokens[i + 2];
      this.#edits.push({ start: value.start, end, text: `'${value.text} ${this.#text(i + 2)}'` });
      this.#rewrittenTo = end;
    } else if (value.kind === 'word' || value.kind === 'quoted' || value.kind === 'parameter') {
      this.#replace(i, `${unit}(`);
      this.#replace(i + 2, ')');
    }
  }

  /** `* EXCLUDE (a, b)` becomes `*, "$exclude"(a, b)`; `* REPLACE (e AS a)` becomes `*, "$replace"(e, a)`. */
  #starList(star: number, word: number, marker: string): void {
    this.#replace(star, '*,');
    if (this.#text(word + 1) === '(') {
      this.#replace(word, `"$${marker}"`);
      const depth = this.#depth[word] + 1;
      const close = this.#closing(word + 1);
      for (let j = word + 2; j < close; j++) {
        if (marker === 'replace' && this.#depth[j] === depth && this.#text(j) === 'as') this.#replace(j, ',');
      }
    } else {
      this.#replace(word, `"$${marker}"(`);
      const name = this.#tokens[word + 1];
      if (name !== undefined) this.#edits.push({ start: name.end, end: name.end, text: ')' });
    }
  }

  /** The condition moves into HAVING, wrapped: the grammar has no other place for it after GROUP BY. */
  #qualify(i: number): void {
    const depth = this.#depth[i];
    let end = i + 1;
    while (end < this.#tokens.length && this.#depth[end] >= depth) {
      if (this.#depth[end] === depth && (CLAUSE_ENDS.has(this.#text(end) ?? '') || this.#text(end) === ';')) break;
      end++;
    }
    let having = -1;
    for (let j = i - 1; j >= 0 && this.#depth[j] >= depth && having < 0; j--) {
      if (this.#depth[j] !== depth) continue;
      if (this.#text(j) === 'window')
        throw unsupported(this.#tokens[j], 'a WINDOW clause beside QUALIFY is not supported');
      if (this.#text(j) === 'having') having = j;
      if (this.#text(j) === 'select') break;
    }
    if (having < 0) this.#replace(i, 'HAVING "$qualify"(');
    else {
      const start = this.#tokens[having].end;
      this.#edits.push({ start, end: start, text: ' (' });
      this.#replace(i, ') AND "$qualify"(');
    }
    const close = this.#tokens[end - 1].end;
    this.#edits.push({ start: close, end: close, text: ')' });
  }

  #join(i: number): void {
    const kind = this.#text(i);
    const right = this.#tokens[i + 2];
    if (kind === 'asof' || kind === 'positional' || right === undefined || right.text === '(') {
      throw unsupported(this.#tokens[i], `${kind?.toUpperCase()} JOIN is not supported here`);
    }
    this.#replace(i, 'INNER');
    (kind === 'semi' ? this.#marks.semiJoins : this.#marks.antiJoins).add(right.start);
  }

  #closing(open: number): number {
    const depth = this.#depth[open];
    let i = open + 1;
    while (i < this.#tokens.length && this.#depth[i] > depth) i++;
    return i;
  }

  #isOperandEnd(i: number): boolean {
    const token = this.#tokens[i];
    if (token === undefined) return false;
    if (token.kind === 'symbol') return token.text === ')' || token.text === ']';
    return token.kind !== 'word' || token.text === 'array' || !RESERVED_BEFORE_OPERAND.has(token.text);
  }

  #text(i: number): string | undefined {
    const token = this.#tokens[i];
    return token?.kind === 'word' || token?.kind === 'symbol' ? token.text : undefined;
  }

  #replace(i: number, text: string): void {
    this.#edits.push({ start: this.#tokens[i].start, end: this.#tokens[i].end, text });
  }

  finish(): Rewritten {
    const edits = this.#edits.sort((a, b) => a.start - b.start || a.end - b.end);
    let text = '';
    let read = 0;
    /** Where each copied stretch begins in the rewritten text, and in the original. */
    const stretches: { rewritten: number; original: number; length: number }[] = [];
    for (const edit of [...edits, { start: this.#sql.length, end: this.#sql.length, text: '' }]) {
      stretches.push({ rewritten: text.length, original: read, length: edit.start - read });
      text += this.#sql.slice(read, edit.start);
      stretches.push({ rewritten: text.length, original: edit.start, length: 0 });
      text += edit.text;
      read = edit.end;
    }
    return {
      text,
      originalOffset: (offset) => {
        let low = 0;
        let high = stretches.length - 1;
        while (low < high) {
          const middle = (low + high + 1) >> 1;
          if (stretches[middle].rewritten <= offset) low = middle;
          else high = middle - 1;
        }
        const { rewritten, original, length } = stretches[low];
        return original + (length === 0 ? 0 : offset - rewritten);
      },
      marks: this.#marks,
      longNames: this.#longNames,
    };
  }
}

/** Keywords that follow AS without being a name. */
const NEVER_ALIASES = new Set(['materialized', 'not', 'select', 'values', 'with', 'table']);

function isTooLong(name: string): boolean {
  return new TextEncoder().encode(name).length > NAME_BYTES;
}

/** Words after which `[` or `{` begins a value instead of continuing one. */
const RESERVED_BEFORE_OPERAND = new Set(
  'select distinct all where and or not in then else when case having by on like ilike between is from limit offset as values'.split(
    ' ',
  ),
);

function unsupported(token: Token, message: string): OrasiError {
  return new OrasiError('unsupported_sql', message, { errors: [{ path: `sql@${token.start}`, message }] });
}
