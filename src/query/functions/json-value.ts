import type { Scalar } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import { sqlText } from './value-text.ts';

/**
 * JSON as text, taken apart without building it: numbers keep every digit, which `JSON.parse` would round.
 * The text is known to be JSON, so only its structure is followed.
 */

/** The text of one member or element, or undefined where there is none. Keys compare as the strings they denote. */
function jsonMember(text: string, key: string | number): string | undefined {
  const start = skipSpace(text, 0);
  if (typeof key === 'number') {
    if (text[start] !== '[') return undefined;
    const elements = [...jsonElements(text)];
    return elements[key < 0 ? elements.length + key : key];
  }
  if (text[start] !== '{') return undefined;
  for (const [name, value] of jsonEntries(text)) if (name === key) return value;
  return undefined;
}

/** The texts of an array's elements; nothing where the text is no array. */
export function* jsonElements(text: string): Generator<string> {
  let at = skipSpace(text, 0);
  if (text[at] !== '[') return;
  at = skipSpace(text, at + 1);
  while (at < text.length && text[at] !== ']') {
    const end = valueEnd(text, at);
    yield text.slice(at, end).trimEnd();
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
}

/** An object's members, values as text; nothing where the text is no object. */
export function* jsonEntries(text: string): Generator<[string, string]> {
  let at = skipSpace(text, 0);
  if (text[at] !== '{') return;
  at = skipSpace(text, at + 1);
  while (at < text.length && text[at] !== '}') {
    const nameEnd = stringEnd(text, at);
    const name: unknown = JSON.parse(text.slice(at, nameEnd));
    at = skipSpace(text, nameEnd);
    at = skipSpace(text, at + 1);
    const end = valueEnd(text, at);
    yield [String(name), text.slice(at, end).trimEnd()];
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
}

/** `OBJECT`, `ARRAY`, `VARCHAR`, `BOOLEAN`, `NULL`, `UBIGINT`, `BIGINT` or `DOUBLE`, as DuckDB's json_type says. */
export function jsonKind(text: string): string {
  const trimmed = text.trim();
  switch (trimmed[0]) {
    case '{':
      return 'OBJECT';
    case '[':
      return 'ARRAY';
    case '"':
      return 'VARCHAR';
    case 't':
    case 'f':
      return 'BOOLEAN';
    case 'n':
      return 'NULL';
  }
  if (/[.eE]/.test(trimmed)) return 'DOUBLE';
  return trimmed.startsWith('-') ? 'BIGINT' : 'UBIGINT';
}

/** What `->>` gives: a string without its quotes, null for null, other values as their text. */
export function jsonAsText(text: string): string | null {
  const kind = jsonKind(text);
  if (kind === 'NULL') return null;
  return kind === 'VARCHAR' ? String(JSON.parse(text)) : text;
}

/**
 * The steps of a path: `$.a.b[0]`, `$."a b"`, `$['a']`, `/a/0`, or a bare name. Undefined where it is no path.
 * Wildcards are not supported.
 */
export function jsonPath(path: string): (string | number)[] | undefined {
  if (path.startsWith('/')) {
    const parts = path.slice(1).split('/');
    return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')));
  }
  if (!path.startsWith('$')) return [path];
  const steps: (string | number)[] = [];
  const step = /\.("(?:[^"\\]|\\.)*"|[^.[\]"*]+)|\[(-?\d+|#-\d+)\]|\['([^']*)'\]/y;
  step.lastIndex = 1;
  while (step.lastIndex < path.length) {
    const match = step.exec(path);
    if (match === null) return undefined;
    if (match[1] !== undefined) steps.push(match[1].startsWith('"') ? String(JSON.parse(match[1])) : match[1]);
    else if (match[2] !== undefined) steps.push(Number(match[2].replace('#', '')));
    else steps.push(match[3]);
  }
  return steps;
}

/** The text at a path, or undefined. A pointer's digits name a member where the value there is an object. */
export function jsonAt(text: string, steps: readonly (string | number)[]): string | undefined {
  let at: string | undefined = text;
  for (const step of steps) {
    if (at === undefined) return undefined;
    at = jsonMember(at, typeof step === 'number' && at.trimStart().startsWith('{') ? String(step) : step);
  }
  return at;
}

/** The JSON that stands for a value: numbers and booleans as themselves, all else as a string. */
export function toJson(value: Scalar, from: ColumnType): string {
  if (value === null) return 'null';
  switch (from.kind) {
    case 'json':
    case 'bool':
    case 'int64':
      return String(value);
    case 'double':
      return Number.isFinite(value) ? sqlText(value, from) : JSON.stringify(sqlText(value, from));
    case 'decimal':
      return sqlText(value, from);
    default:
      return JSON.stringify(sqlText(value, from));
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 32) at++;
  return at;
}

/** Where the value that starts here ends. */
function valueEnd(text: string, from: number): number {
  if (text[from] === '"') return stringEnd(text, from);
  let depth = 0;
  for (let at = from; at < text.length; ) {
    const char = text[at];
    if (char === '"') {
      at = stringEnd(text, at);
      continue;
    }
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (char === ',' && depth === 0) return at;
    at++;
  }
  return text.length;
}

function stringEnd(text: string, quote: number): number {
  let at = quote + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}
