import { type Bitmap, getBit, newBitmap, setBit } from './bitmap.ts';
import type { BuiltColumn } from './build.ts';
import type { Column, FixedValues } from './column.ts';
import { inferInstants } from './infer-instants.ts';
import { writeInt128 } from './int128.ts';
import { numeral, readNumber } from './number.ts';
import { fitsInt64 } from './text.ts';
import { numberForms, type TextForms, writesBareIntegers } from './text-forms.ts';
import { BOOL, type ColumnType, DOUBLE, decimal, INT64 } from './types.ts';
import { asciiText } from './utf8.ts';

/** The most digits a decimal keeps. */
const DECIMAL_DIGITS = 38;
const MAX_EXACT = 2n ** 53n;

/** Texts of one column: value `i` is `bytes[offsets[i] .. offsets[i + 1])`. */
export interface Texts {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly validity: Bitmap | null;
}

/**
 * The narrowest column that texts are, where a format has nothing but text: `true` and `false`, numbers
 * without leading zeros, dates and instants. Null where they are strings. The first value decides what
 * is tried, since kinds that differ meet in string anyway.
 */
export function inferText(texts: Texts): BuiltColumn | null {
  const { offsets, bytes, length, validity } = texts;
  let first = 0;
  while (first < length && validity !== null && !getBit(validity, first)) first++;
  if (first === length) return null;
  const [start, end] = [offsets[first], offsets[first + 1]];
  if (end === start) return null;
  const lead = bytes[start];
  if (lead === 116 || lead === 102) return inferBools(texts);
  if (lead !== 45 && lead !== 46 && (lead < 48 || lead > 57)) return null;
  if (readNumber(bytes, start, end)) return inferNumbers(texts);
  return inferInstants(offsets, bytes, length, validity);
}

function built(type: ColumnType, texts: Texts, data: Column['data'], wide = false, text?: TextForms): BuiltColumn {
  const column = { type, length: texts.length, validity: texts.validity, data };
  return text === undefined ? { column, wide } : { column, wide, text };
}

function isWord(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word.charCodeAt(i)) return false;
  return true;
}

function inferBools(texts: Texts): BuiltColumn | null {
  const { offsets, bytes, length, validity } = texts;
  const values = newBitmap(length, false);
  for (let row = 0; row < length; row++) {
    if (validity !== null && !getBit(validity, row)) continue;
    if (isWord(bytes, offsets[row], offsets[row + 1], 'true')) setBit(values, row);
    else if (!isWord(bytes, offsets[row], offsets[row + 1], 'false')) return null;
  }
  return built(BOOL, texts, { layout: 'bits', values });
}

/** What the numbers of a column have been so far. */
interface Numbers {
  readonly values: Float64Array;
  /** Integers of more than 15 digits, by row: these have no exact place in `values`. */
  readonly long: Map<number, bigint>;
  longest: number;
  integers: boolean;
  fractions: boolean;
  readonly forms: NumberForms;
}

function inferNumbers(texts: Texts): BuiltColumn | null {
  const { offsets, bytes, length, validity } = texts;
  const numbers: Numbers = {
    values: new Float64Array(length),
    long: new Map(),
    longest: 0,
    integers: false,
    fractions: false,
    forms: new NumberForms(),
  };
  for (let row = 0; row < length; row++) {
    if (validity !== null && !getBit(validity, row)) continue;
    const [start, end] = [offsets[row], offsets[row + 1]];
    if (!readNumber(bytes, start, end)) return null;
    numbers.values[row] = numeral.value;
    if (numeral.integer) {
      numbers.integers = true;
      if (numeral.digits > 15) {
        if (numeral.digits > DECIMAL_DIGITS) return null;
        numbers.longest = Math.max(numbers.longest, numeral.digits);
        numbers.long.set(row, BigInt(asciiText(bytes, start, end)));
      }
    } else {
      numbers.fractions = true;
      numbers.forms.add(bytes, start, end);
    }
  }
  return numbers.fractions ? doubles(texts, numbers) : integers(texts, numbers);
}

function doubles(texts: Texts, numbers: Numbers): BuiltColumn | null {
  for (const value of numbers.long.values()) if (value > MAX_EXACT || value < -MAX_EXACT) return null;
  const forms = numbers.forms.names();
  const text = numbers.integers ? forms.filter(writesBareIntegers) : forms;
  return built(DOUBLE, texts, { layout: 'fixed', values: numbers.values }, false, text);
}

function integers(texts: Texts, { values, long }: Numbers): BuiltColumn {
  let fits = true;
  let wide = false;
  for (const value of long.values()) {
    fits &&= fitsInt64(value);
    wide ||= value > MAX_EXACT || value < -MAX_EXACT;
  }
  if (!fits) {
    const words = new BigInt64Array(2 * texts.length);
    for (let row = 0; row < texts.length; row++) writeInt128(words, row, long.get(row) ?? BigInt(values[row]));
    return built(decimal(DECIMAL_DIGITS, 0), texts, { layout: 'int128', values: words });
  }
  if (!wide) return built(INT64, texts, { layout: 'fixed', values: narrowed(values) });
  const bigs = new BigInt64Array(texts.length);
  for (let row = 0; row < texts.length; row++) bigs[row] = long.get(row) ?? BigInt(values[row]);
  return built(INT64, texts, { layout: 'fixed', values: bigs }, true);
}

/** Integers in 32 bits where all of them fit. */
function narrowed(values: Float64Array): FixedValues {
  const out = new Int32Array(values.length);
  for (let row = 0; row < values.length; row++) {
    out[row] = values[row];
    if (out[row] !== values[row]) return values;
  }
  return out;
}

/**
 * The text forms all fractions of a column share. A number of at most fifteen digits without an exponent
 * is written back by its digits behind the point, which tells its forms without writing it.
 */
class NumberForms {
  #fixedDigits = -1;
  #fixed = true;
  #bare = true;
  #shortest = true;
  #repr = true;

  /** Adds the number last read, which has a point or an exponent. */
  add(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#fixed && !this.#shortest && !this.#repr) return;
    const { digits, fractionDigits, endsInZero, value } = numeral;
    const size = Math.abs(value);
    const lead = bytes[start] === 45 ? bytes[start + 1] : bytes[start];
    if (digits <= 15 && fractionDigits > 0 && lead !== 46 && (size >= 1e-4 || Object.is(value, 0))) {
      const whole = Number.isInteger(value);
      this.#meetDigits(fractionDigits);
      this.#bare &&= !whole;
      this.#shortest &&= !endsInZero;
      this.#repr &&= whole ? fractionDigits === 1 : !endsInZero;
      return;
    }
    const forms = numberForms(asciiText(bytes, start, end), value);
    const fixed = forms.find((form) => form.startsWith('f'));
    const bare = forms.find((form) => form.startsWith('b'));
    const places = fixed ?? bare;
    if (places !== undefined) this.#meetDigits(Number(places.slice(1)));
    this.#fixed &&= fixed !== undefined;
    this.#bare &&= bare !== undefined;
    this.#shortest &&= forms.includes('s');
    this.#repr &&= forms.includes('r');
  }

  #meetDigits(digits: number): void {
    if (this.#fixedDigits < 0) this.#fixedDigits = digits;
    else if (this.#fixedDigits !== digits) this.#fixed = this.#bare = false;
  }

  names(): TextForms {
    return [
      ...(this.#shortest ? ['s'] : []),
      ...(this.#repr ? ['r'] : []),
      ...(this.#fixed && this.#fixedDigits >= 0 ? [`f${this.#fixedDigits}`] : []),
      ...(this.#bare && this.#fixedDigits >= 0 ? [`b${this.#fixedDigits}`] : []),
    ];
  }
}
