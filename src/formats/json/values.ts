import { OrasiError } from '../../core/errors.ts';
import { type Fault, rawText } from '../bad-row.ts';
import type { ByteWindow } from '../byte-window.ts';
import type { Decoded } from '../format.ts';
import type { RowOutput } from '../row-output.ts';
import type { JsonRowParser } from './row.ts';
import { FAULT, scanned, scanString, scanValue, skipSpace, TRUNCATED } from './scan.ts';
import { ValueSkipper } from './skip.ts';

/**
 * Where a decode of JSON values stands between two steps.
 * - `top`: between values of the file
 * - `array`, `features`: within a list whose elements are rows
 * - `collection`: within a feature collection, outside its features
 */
export interface ValuesState {
  place: 'top' | 'array' | 'features' | 'collection';
  /** An element or member came before, so a comma has to come first. */
  comma: boolean;
}

const text = new TextDecoder();

/**
 * JSON values that are not one a line: lists, whose elements are rows; GeoJSON feature collections,
 * whose features are (RFC 7946); single documents, a row each; and any of these one after another.
 * Elements are taken one at a time, so memory is bounded by the largest, not by the file.
 */
export async function* decodeValues(
  window: ByteWindow,
  parser: JsonRowParser,
  output: RowOutput,
  state: ValuesState,
): AsyncGenerator<Decoded> {
  for (;;) {
    const step = nextStep(window, parser, output, state);
    if (step === 'end') break;
    if (step === 'more') {
      if (window.size > valueLimit(output, state)) await skipValue(window, output, state);
      // What is cut off is parsed again only when the window has doubled, so that the work stays linear.
      else if (
        !(await window.fill(Math.max(window.size, 64 * 1024))) &&
        !(state.place === 'top' && window.size === 0)
      ) {
        throw endOfInput(window, state);
      }
    }
    if (output.full) yield output.take();
  }
  if (!output.empty) yield output.take();
}

type Step = 'on' | 'more' | 'end';

/** Does one step at the window's start, or asks for more bytes. */
function nextStep(window: ByteWindow, parser: JsonRowParser, output: RowOutput, state: ValuesState): Step {
  const { bytes, end } = window;
  let at = skipSpace(bytes, window.start, end);
  if (at >= end) {
    window.advance(at);
    return window.ended && state.place === 'top' ? 'end' : 'more';
  }
  if (state.place === 'top') return topValue(window, at, parser, output, state);
  const close = state.place === 'array' || state.place === 'features' ? 93 : 125;
  if (bytes[at] === close) {
    window.advance(at + 1);
    state.comma = true;
    state.place = state.place === 'features' ? 'collection' : 'top';
    return 'on';
  }
  if (state.comma) {
    if (bytes[at] !== 44) throw malformed(window, at, `expected ',' or '${String.fromCharCode(close)}'`);
    at = skipSpace(bytes, at + 1, end);
    if (at >= end) return 'more';
  }
  return state.place === 'collection'
    ? collectionMember(window, at, state)
    : element(window, at, parser, output, state);
}

function topValue(window: ByteWindow, at: number, parser: JsonRowParser, output: RowOutput, state: ValuesState): Step {
  const { bytes, end } = window;
  if (bytes[at] === 91) {
    window.advance(at + 1);
    state.place = 'array';
    state.comma = false;
    return 'on';
  }
  if (bytes[at] !== 123) throw malformed(window, at, 'expected a JSON object or list');
  const features = findFeatures(bytes, at, end);
  if (features === TRUNCATED) return 'more';
  if (features >= 0) {
    window.advance(features);
    state.place = 'features';
    state.comma = false;
    return 'on';
  }
  return element(window, at, parser, output, state);
}

/**
 * The position behind the `[` of the features, where the object at `start` is a feature collection;
 * `FAULT` where it is anything else. A collection may be cut off behind that position; for anything else the
 * answer needs the object's whole text.
 */
export function findFeatures(bytes: Uint8Array, start: number, end: number): number {
  let features = FAULT as number;
  let isCollection = false;
  let at = skipSpace(bytes, start + 1, end);
  for (;;) {
    if (at >= end) return TRUNCATED;
    if (bytes[at] !== 34) return FAULT;
    const keyEnd = scanString(bytes, at, end);
    if (keyEnd < 0) return keyEnd;
    const key = text.decode(bytes.subarray(at + 1, keyEnd - 1));
    at = skipSpace(bytes, keyEnd, end);
    if (at >= end) return TRUNCATED;
    if (bytes[at] !== 58) return FAULT;
    at = skipSpace(bytes, at + 1, end);
    if (at >= end) return TRUNCATED;
    if (key === 'features' && bytes[at] === 91) features = at + 1;
    if (isCollection && features >= 0) return features;
    const behind = scanValue(bytes, at, end);
    if (behind < 0) return behind;
    if (key === 'type') isCollection = text.decode(bytes.subarray(at, behind)) === '"FeatureCollection"';
    if (isCollection && features >= 0) return features;
    at = skipSpace(bytes, behind, end);
    if (at >= end) return TRUNCATED;
    if (bytes[at] !== 44) return FAULT;
    at = skipSpace(bytes, at + 1, end);
  }
}

/** A member of a feature collection besides its features: checked and passed over. */
function collectionMember(window: ByteWindow, start: number, state: ValuesState): Step {
  const { bytes, end } = window;
  if (bytes[start] !== 34) throw malformed(window, start, 'expected a key in quotes');
  let at = scanString(bytes, start, end);
  if (at >= 0) {
    at = skipSpace(bytes, at, end);
    if (at >= end) return 'more';
    if (bytes[at] !== 58) throw malformed(window, at, "expected ':'");
    at = scanValue(bytes, skipSpace(bytes, at + 1, end), end);
  }
  if (at === TRUNCATED) return 'more';
  if (at === FAULT) throw malformed(window, scanned.at, scanned.message);
  window.advance(at);
  state.comma = true;
  return 'on';
}

function element(window: ByteWindow, at: number, parser: JsonRowParser, output: RowOutput, state: ValuesState): Step {
  const { bytes, end } = window;
  const behind = state.place === 'features' ? parser.parseFeature(bytes, at, end) : parser.parseRow(bytes, at, end);
  if (behind === TRUNCATED) {
    parser.rollback();
    return 'more';
  }
  if (behind === FAULT) return broken(window, at, parser, output, state);
  if (behind - at > valueLimit(output, state)) {
    parser.rollback();
    reject(window, at, behind, tooLarge(output, state), output, state);
    return 'on';
  }
  output.keep(bytes, at, behind);
  window.advance(behind);
  state.comma = true;
  return 'on';
}

/** A value with a fault in it: found the end of by its brackets, it is a bad row and the rest goes on. */
function broken(window: ByteWindow, at: number, parser: JsonRowParser, output: RowOutput, state: ValuesState): Step {
  const fault = parser.fault(at);
  parser.rollback();
  const behind = new ValueSkipper().feed(window.bytes, at, window.end);
  if (behind < 0) return 'more';
  reject(window, at, behind, fault, output, state);
  return 'on';
}

function reject(
  window: ByteWindow,
  at: number,
  behind: number,
  fault: Fault,
  output: RowOutput,
  state: ValuesState,
): void {
  output.reject(fault, rawText(window.bytes, at, behind));
  window.advance(behind);
  state.comma = true;
}

function valueLimit(output: RowOutput, state: ValuesState): number {
  return state.place === 'top' ? output.limits.jsonDocumentBytes : output.limits.rowBytes;
}

function tooLarge(output: RowOutput, state: ValuesState): Fault {
  const what = state.place === 'top' ? 'the document' : 'the element';
  return { path: '', code: 'value_too_large', message: `${what} is longer than ${valueLimit(output, state)} bytes` };
}

/** Passes over the value at the window's start, which is too large to hold. */
async function skipValue(window: ByteWindow, output: RowOutput, state: ValuesState): Promise<void> {
  let at = skipSpace(window.bytes, window.start, window.end);
  if (state.comma && state.place !== 'top') at = skipSpace(window.bytes, at + 1, window.end);
  if (state.place === 'collection') {
    const limit = valueLimit(output, state);
    throw new OrasiError('malformed_input', `a member of the feature collection is longer than ${limit} bytes`);
  }
  output.reject(tooLarge(output, state), rawText(window.bytes, at, window.end));
  const skipper = new ValueSkipper();
  for (;;) {
    const behind = skipper.feed(window.bytes, at, window.end);
    if (behind >= 0) {
      window.advance(behind);
      break;
    }
    window.advance(window.end);
    if (!(await window.fill()))
      throw new OrasiError('malformed_input', `the file ends at byte ${window.offset} within a value`);
    at = window.start;
  }
  state.comma = true;
}

/** The input has ended where a step wanted more. */
function endOfInput(window: ByteWindow, state: ValuesState): OrasiError {
  const where = { top: 'a value', array: 'a list', features: 'a list of features', collection: 'a feature collection' };
  return new OrasiError(
    'malformed_input',
    `the file ends at byte ${window.offset + window.size} within ${where[state.place]}: it is truncated`,
  );
}

function malformed(window: ByteWindow, at: number, message: string): OrasiError {
  return new OrasiError('malformed_input', `${message} at byte ${window.offset + at - window.start}`);
}
