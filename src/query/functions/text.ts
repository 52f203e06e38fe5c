import { createHash } from 'node:crypto';
import type { Scalar } from '../../columns/column.ts';
import { BOOL, BYTES, type ColumnType, DOUBLE, INT64, JSON_TYPE, STRING } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { type Signature, strings } from './coercion.ts';
import { define, type ScalarFunctionDefinition } from './definition.ts';
import { sqlText } from './value-text.ts';

const takes = (args: readonly ColumnType[], type: ColumnType): Signature => ({ args, type });

const text = (value: Scalar): string => String(value);
const count = (value: Scalar): number => Number(value);

/** Characters are Unicode code points, as in PostgreSQL and DuckDB. */
const characters = (value: string): string[] => Array.from(value);

/** Text made by a function is bounded like a row, so that one call cannot fill the isolate. */
function bounded(length: number): void {
  if (length > LIMITS.rowBytes) {
    throw new OrasiError('query_too_large', `a text would be longer than ${LIMITS.rowBytes} characters`);
  }
}

function ofText(
  name: string,
  aliases: readonly string[],
  arity: number,
  type: ColumnType,
  compute: (...args: string[]) => Scalar,
): ScalarFunctionDefinition {
  return define({
    name,
    aliases,
    signatures: [strings(arity, type)],
    evaluate: (args) => compute(...args.map(text)),
  });
}

/** Positions count from 1; from -1 they count from the end. A negative length takes what lies before. */
function substring(value: string, start: number, length: number | undefined): string {
  const all = characters(value);
  let from = start > 0 ? start - 1 : start < 0 ? all.length + start : -1;
  let to = length === undefined ? all.length : from + length;
  if (start === 0 && length === undefined) from = 0;
  if (to < from) [from, to] = [to, from];
  return all.slice(Math.max(0, from), Math.max(0, to)).join('');
}

function pad(value: string, width: number, filler: string, atStart: boolean): string {
  bounded(width);
  const all = characters(value);
  if (all.length >= width) return all.slice(0, Math.max(0, width)).join('');
  const fill = characters(filler);
  if (fill.length === 0) throw new OrasiError('type_error', 'padding needs a text to pad with');
  const padding = Array.from({ length: width - all.length }, (_, i) => fill[i % fill.length]).join('');
  return atStart ? padding + value : value + padding;
}

function trimming(
  name: string,
  aliases: readonly string[],
  atStart: boolean,
  atEnd: boolean,
): ScalarFunctionDefinition {
  return define({
    name,
    aliases,
    signatures: [strings(1), strings(2)],
    evaluate([value, set]) {
      const drop = new Set(set === undefined ? [' '] : characters(text(set)));
      const all = characters(text(value));
      let from = 0;
      let to = all.length;
      while (atStart && from < to && drop.has(all[from])) from++;
      while (atEnd && to > from && drop.has(all[to - 1])) to--;
      return all.slice(from, to).join('');
    },
  });
}

function splitPart(value: string, separator: string, index: number): string {
  const parts = separator === '' ? characters(value) : value.split(separator);
  return parts[index > 0 ? index - 1 : index < 0 ? parts.length + index : 0] ?? '';
}

/** Insertions, deletions and substitutions of bytes between two texts, as DuckDB counts. */
function levenshtein(a: string, b: string): bigint {
  const [x, y] = [bytesOf(a), bytesOf(b)];
  if (x.length * y.length > 4_000_000) throw new OrasiError('query_too_large', 'the texts are too long to compare');
  let previous = Array.from({ length: y.length + 1 }, (_, j) => j);
  for (let i = 1; i <= x.length; i++) {
    const row = [i];
    for (let j = 1; j <= y.length; j++) {
      const change = previous[j - 1] + (x[i - 1] === y[j - 1] ? 0 : 1);
      row.push(Math.min(change, previous[j] + 1, row[j - 1] + 1));
    }
    previous = row;
  }
  return BigInt(previous[y.length]);
}

/** Joins the texts of any values; a null one is left out. */
function joinTexts(args: readonly Scalar[], argTypes: readonly ColumnType[], separator: string): string {
  const parts: string[] = [];
  args.forEach((value, i) => {
    if (value !== null) parts.push(sqlText(value, argTypes[i]));
  });
  const joined = parts.join(separator);
  bounded(joined.length);
  return joined;
}

const digest = (name: string, algorithm: string): ScalarFunctionDefinition =>
  define({
    name,
    signatures: [strings(1), takes([BYTES], STRING)],
    evaluate: ([value]) =>
      createHash(algorithm)
        .update(value instanceof Uint8Array ? value : text(value))
        .digest('hex'),
  });

const bytesOf = (value: Scalar): Uint8Array =>
  value instanceof Uint8Array ? value : new TextEncoder().encode(text(value));

function decoded(name: string, aliases: readonly string[], encoding: 'base64' | 'hex', pattern: RegExp) {
  return define({
    name,
    aliases,
    signatures: [takes([STRING], BYTES)],
    evaluate([value]) {
      if (!pattern.test(text(value))) throw new OrasiError('type_error', `${name}: the text is not ${encoding}`);
      return new Uint8Array(Buffer.from(text(value), encoding));
    },
  });
}

const concatenate = (name: string): ScalarFunctionDefinition =>
  define({
    name,
    strict: name === '||',
    resolve(args) {
      if (name === '||' && args.length !== 2) return undefined;
      const types = args.map(({ type }) => (type.kind === 'null' ? STRING : type));
      const bytes = types.length > 0 && types.every(({ kind }) => kind === 'bytes');
      return takes(types, bytes ? BYTES : STRING);
    },
    evaluate(args, argTypes, type) {
      if (type.kind !== 'bytes') return joinTexts(args, argTypes, '');
      return new Uint8Array(Buffer.concat(args.filter((value) => value instanceof Uint8Array)));
    },
  });

export const TEXT_FUNCTIONS: readonly ScalarFunctionDefinition[] = [
  ofText('lower', ['lcase'], 1, STRING, (value) => value.toLowerCase()),
  ofText('upper', ['ucase'], 1, STRING, (value) => value.toUpperCase()),
  ofText('initcap', [], 1, STRING, (value) =>
    value.toLowerCase().replaceAll(/[\p{L}\p{N}]+/gu, (word) => word[0].toUpperCase() + word.slice(1)),
  ),
  ofText('reverse', [], 1, STRING, (value) => characters(value).reverse().join('')),
  define({
    name: 'length',
    aliases: ['char_length', 'character_length', 'len'],
    signatures: [strings(1, INT64)],
    evaluate: ([value]) => BigInt(characters(text(value)).length),
  }),
  define({
    name: 'octet_length',
    aliases: ['strlen'],
    signatures: [strings(1, INT64), takes([BYTES], INT64)],
    evaluate: ([value]) => BigInt(bytesOf(value).length),
  }),
  ofText('bit_length', [], 1, INT64, (value) => BigInt(8 * bytesOf(value).length)),
  ofText('ascii', ['unicode', 'ord'], 1, INT64, (value) => BigInt(value.codePointAt(0) ?? 0)),
  define({
    name: 'chr',
    signatures: [takes([INT64], STRING)],
    evaluate([code]) {
      const point = count(code);
      if (point < 0 || point > 0x10ffff) throw new OrasiError('type_error', `${point} is not a character`);
      return String.fromCodePoint(point);
    },
  }),
  trimming('trim', ['btrim'], true, true),
  trimming('ltrim', [], true, false),
  trimming('rtrim', [], false, true),
  define({
    name: 'substring',
    aliases: ['substr', 'mid'],
    signatures: [takes([STRING, INT64], STRING), takes([STRING, INT64, INT64], STRING)],
    evaluate: ([value, start, length]) =>
      substring(text(value), count(start), length === undefined ? undefined : count(length)),
  }),
  define({
    name: 'left',
    signatures: [takes([STRING, INT64], STRING)],
    evaluate([value, size]) {
      return characters(text(value)).slice(0, count(size)).join('');
    },
  }),
  define({
    name: 'right',
    signatures: [takes([STRING, INT64], STRING)],
    evaluate([value, size]) {
      const all = characters(text(value));
      const kept = count(size) >= 0 ? count(size) : Math.max(0, all.length + count(size));
      return all.slice(Math.max(0, all.length - kept)).join('');
    },
  }),
  define({
    name: 'lpad',
    signatures: [takes([STRING, INT64, STRING], STRING)],
    evaluate: ([value, width, filler]) => pad(text(value), count(width), text(filler), true),
  }),
  define({
    name: 'rpad',
    signatures: [takes([STRING, INT64, STRING], STRING)],
    evaluate: ([value, width, filler]) => pad(text(value), count(width), text(filler), false),
  }),
  define({
    name: 'repeat',
    signatures: [takes([STRING, INT64], STRING)],
    evaluate([value, times]) {
      bounded(text(value).length * count(times));
      return text(value).repeat(Math.max(0, count(times)));
    },
  }),
  ofText('replace', [], 3, STRING, (value, from, to) => {
    if (from === '') return value;
    const replaced = value.replaceAll(from, () => to);
    bounded(replaced.length);
    return replaced;
  }),
  ofText('translate', [], 3, STRING, (value, from, to) => {
    const target = characters(to);
    const table = new Map(
      characters(from)
        .map((char, i): [string, string] => [char, target[i] ?? ''])
        .reverse(),
    );
    return characters(value)
      .map((char) => table.get(char) ?? char)
      .join('');
  }),
  define({
    name: 'split_part',
    signatures: [takes([STRING, STRING, INT64], STRING)],
    evaluate: ([value, separator, index]) => splitPart(text(value), text(separator), count(index)),
  }),
  ofText('string_split', ['split', 'str_split', 'string_to_array'], 2, JSON_TYPE, (value, separator) =>
    JSON.stringify(separator === '' ? characters(value) : value.split(separator)),
  ),
  ofText('strpos', ['instr', 'position'], 2, INT64, (value, part) => {
    const at = value.indexOf(part);
    return at < 0 ? 0n : BigInt(characters(value.slice(0, at)).length + 1);
  }),
  ofText('starts_with', ['prefix', '^@'], 2, BOOL, (value, part) => value.startsWith(part)),
  ofText('ends_with', ['suffix'], 2, BOOL, (value, part) => value.endsWith(part)),
  concatenate('||'),
  concatenate('concat'),
  define({
    name: 'concat_ws',
    strict: false,
    resolve: (args) =>
      args.length < 2 ? undefined : takes([STRING, ...args.slice(1).map(({ type }) => type)], STRING),
    evaluate([separator, ...rest], argTypes) {
      return separator === null ? null : joinTexts(rest, argTypes.slice(1), text(separator));
    },
  }),
  digest('md5', 'md5'),
  digest('sha1', 'sha1'),
  digest('sha256', 'sha256'),
  define({
    name: 'base64',
    aliases: ['to_base64'],
    signatures: [takes([BYTES], STRING), strings(1)],
    evaluate: ([value]) => Buffer.from(bytesOf(value)).toString('base64'),
  }),
  decoded('from_base64', [], 'base64', /^[A-Za-z0-9+/]*={0,2}$/),
  define({
    name: 'hex',
    aliases: ['to_hex'],
    signatures: [strings(1), takes([INT64], STRING), takes([BYTES], STRING)],
    evaluate([value]) {
      if (typeof value === 'bigint') return BigInt.asUintN(64, value).toString(16).toUpperCase();
      return Buffer.from(bytesOf(value)).toString('hex').toUpperCase();
    },
  }),
  decoded('unhex', ['from_hex'], 'hex', /^([0-9A-Fa-f]{2})*$/),
  define({
    name: 'bin',
    aliases: ['to_binary'],
    signatures: [takes([INT64], STRING)],
    evaluate: ([value]) => BigInt.asUintN(64, value as bigint).toString(2),
  }),
  ofText('url_encode', [], 1, STRING, (value) =>
    encodeURIComponent(value).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
  ),
  ofText('url_decode', [], 1, STRING, (value) => {
    try {
      return decodeURIComponent(value);
    } catch {
      throw new OrasiError('type_error', 'url_decode: the text is not percent-encoded UTF-8');
    }
  }),
  ofText('strip_accents', [], 1, STRING, (value) => value.normalize('NFD').replaceAll(/\p{Mn}/gu, '')),
  ofText('levenshtein', ['editdist3'], 2, INT64, levenshtein),
  define({
    name: 'hamming',
    aliases: ['mismatches'],
    signatures: [strings(2, INT64)],
    evaluate([left, right]) {
      const [x, y] = [bytesOf(left), bytesOf(right)];
      if (x.length !== y.length) throw new OrasiError('type_error', 'hamming compares texts of one length');
      return BigInt(x.filter((byte, i) => byte !== y[i]).length);
    },
  }),
  define({
    name: 'jaccard',
    signatures: [strings(2, DOUBLE)],
    evaluate([left, right]) {
      const [x, y] = [new Set(bytesOf(left)), new Set(bytesOf(right))];
      const common = [...x].filter((byte) => y.has(byte)).length;
      return common / (x.size + y.size - common);
    },
  }),
];
