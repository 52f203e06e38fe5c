import { getBit } from '../../columns/bitmap.ts';
import { DAY_SECONDS } from '../../columns/instant.ts';
import { dateText, doubleText, timestampText } from '../../columns/text.ts';
import { malformed } from './flatbuffer.ts';
import { type ArrowArray, integerAt, isPresent, keyAt } from './load.ts';
import {
  bytesAt,
  halfFloat,
  intervalText,
  itemsAt,
  runOf,
  scaledText,
  TooLarge,
  timeText,
  viewOf,
  wideInteger,
} from './scalars.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Nested Arrow values as JSON text: lists and maps as they are, structs as objects; integers and decimals
 * with all their digits; bytes in base64; times as ISO 8601 text; what JSON has no number for (NaN,
 * infinities) as text. A map whose keys are text is an object, another one a list of pairs.
 */
export class JsonWriter {
  #parts: string[] = [];
  #size = 0;
  readonly #limit: number;

  /** `limit`: characters of all values together. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The text of a value. Throws `TooLarge` beyond the limit. */
  write(array: ArrowArray, row: number): string {
    this.#parts = [];
    this.#value(array, row);
    return this.#parts.join('');
  }

  #push(text: string): void {
    this.#size += text.length;
    if (this.#size > this.#limit) throw new TooLarge();
    this.#parts.push(text);
  }

  #value(array: ArrowArray, row: number): void {
    const { type } = array;
    if (!isPresent(array, row)) {
      this.#push('null');
    } else if (array.dictionary !== null) {
      this.#value(array.dictionary, keyAt(array, row));
    } else if (type.kind === 'list' || type.kind === 'fixedList') {
      this.#list(array, row);
    } else if (type.kind === 'struct') {
      this.#struct(array, row);
    } else if (type.kind === 'map') {
      this.#map(array, row);
    } else if (type.kind === 'union') {
      const child = array.children[type.typeIds.indexOf(array.data[row])];
      this.#value(child, type.dense ? array.offsets[row] : row);
    } else if (type.kind === 'runs') {
      const [ends, values] = array.children;
      const run = runOf((at) => integerAt(ends, at), ends.length, row);
      this.#value(values, run);
    } else {
      this.#push(scalarJson(array, row));
    }
  }

  #list(array: ArrowArray, row: number): void {
    const { start, end } = itemsAt(array, row);
    this.#push('[');
    for (let i = start; i < end; i++) {
      if (i > start) this.#push(',');
      this.#value(array.children[0], i);
    }
    this.#push(']');
  }

  #struct(array: ArrowArray, row: number): void {
    this.#push('{');
    array.children.forEach((child, i) => {
      this.#push(`${i > 0 ? ',' : ''}${JSON.stringify(child.name)}:`);
      this.#value(child, row);
    });
    this.#push('}');
  }

  #map(array: ArrowArray, row: number): void {
    const { start, end } = itemsAt(array, row);
    const [keys, values] = array.children[0].children;
    const named = (keys.dictionary ?? keys).type.kind === 'text';
    this.#push(named ? '{' : '[');
    for (let i = start; i < end; i++) {
      if (i > start) this.#push(',');
      if (!named) this.#push('[');
      this.#value(keys, i);
      this.#push(named ? ':' : ',');
      this.#value(values, i);
      if (!named) this.#push(']');
    }
    this.#push(named ? '}' : ']');
  }
}

function scalarJson(array: ArrowArray, row: number): string {
  const { type } = array;
  const view = viewOf(array.data);
  switch (type.kind) {
    case 'null':
      return 'null';
    case 'bool':
      return String(getBit(array.data, row));
    case 'int':
      if (type.bits < 64) return String(integerAt(array, row));
      return String(type.signed ? view.getBigInt64(8 * row, true) : view.getBigUint64(8 * row, true));
    case 'float':
      return numberJson(
        type.bits === 16
          ? halfFloat(view, row)
          : type.bits === 32
            ? view.getFloat32(4 * row, true)
            : view.getFloat64(8 * row, true),
      );
    case 'decimal':
      return scaledText(wideInteger(view, row, type.bits), type.scale);
    case 'text': {
      const { data, start, end } = bytesAt(array, row);
      return JSON.stringify(utf8Text(data.subarray(start, end)));
    }
    case 'binary':
    case 'fixedBinary': {
      const { data, start, end } = bytesAt(array, row);
      return JSON.stringify(Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('base64'));
    }
    default:
      return JSON.stringify(timeLikeText(array, row, view));
  }
}

function utf8Text(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed('a text that is not valid UTF-8');
  }
}

function timeLikeText(array: ArrowArray, row: number, view: DataView): string {
  const { type } = array;
  switch (type.kind) {
    case 'date':
      return dateText(type.bits === 32 ? view.getInt32(4 * row, true) : daysOfMs(view.getBigInt64(8 * row, true)));
    case 'time':
      return timeText(wideInteger(view, row, type.bits), type.unit);
    case 'timestamp': {
      const count = view.getBigInt64(8 * row, true);
      if (type.unit === 'ns') return timestampText(count, 'ns');
      return timestampText(count * (type.unit === 's' ? 1_000_000n : type.unit === 'ms' ? 1000n : 1n), 'us');
    }
    case 'duration':
      return `${view.getBigInt64(8 * row, true)}${type.unit}`;
    default:
      return intervalText(array, row);
  }
}

/** Days since the epoch of a count of milliseconds. */
export function daysOfMs(ms: bigint): number {
  return Math.floor(Number(ms) / (DAY_SECONDS * 1000));
}

function numberJson(value: number): string {
  return Number.isFinite(value) ? doubleText(value) : JSON.stringify(doubleText(value));
}
