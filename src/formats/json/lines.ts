import { rawText } from '../bad-row.ts';
import type { ByteWindow } from '../byte-window.ts';
import type { Decoded } from '../format.ts';
import type { RowOutput } from '../row-output.ts';
import type { JsonRowParser } from './row.ts';
import { scanned, skipSpace, TRUNCATED } from './scan.ts';

const NEWLINE = 10;

/** Where a line decode stands, besides the window's offset. */
export interface LinesState {
  /** Line of the next row, from 1. */
  line: number;
}

/**
 * Newline-delimited JSON: an object a line. Blank lines are passed over; a bad line is a bad row and
 * the next line is taken as usual; a line over the limit is skipped in constant memory.
 * Source: https://github.com/ndjson/ndjson-spec
 */
export async function* decodeLines(
  window: ByteWindow,
  parser: JsonRowParser,
  output: RowOutput,
  state: LinesState,
): AsyncGenerator<Decoded> {
  for (;;) {
    const whole = window.ended ? window.end : lastLineEnd(window);
    while (window.start < whole) {
      decodeLine(window, whole, parser, output, state);
      if (output.full) yield output.take();
    }
    if (window.ended) break;
    if (window.size > lineLimit(output, state)) {
      await skipLine(window, output, state);
      if (output.full) yield output.take();
    }
    // A long line is looked at again only when the window has doubled, so that the work stays linear.
    await window.fill(Math.max(window.size, 64 * 1024));
  }
  if (!output.empty) yield output.take();
}

/** The most bytes of the next line. The first may be a whole document, which has its own, larger limit. */
function lineLimit(output: RowOutput, state: LinesState): number {
  const { rowBytes, jsonDocumentBytes } = output.limits;
  return state.line === 1 ? Math.max(jsonDocumentBytes, rowBytes) : rowBytes;
}

/** The position behind the last newline in the window, or its start. */
function lastLineEnd(window: ByteWindow): number {
  const newline = window.bytes.subarray(window.start, window.end).lastIndexOf(NEWLINE);
  return window.start + newline + 1;
}

/** Decodes the line at the window's start, which ends before `end`, and moves past it. */
function decodeLine(
  window: ByteWindow,
  end: number,
  parser: JsonRowParser,
  output: RowOutput,
  state: LinesState,
): void {
  const { bytes, start } = window;
  let at = start;
  while (at < end && (bytes[at] === 32 || bytes[at] === 9 || bytes[at] === 13)) at++;
  if (at >= end || bytes[at] === NEWLINE) {
    window.advance(Math.min(at + 1, end));
    state.line++;
    return;
  }
  const behind = parser.parseRow(bytes, at, end);
  // A row without white space spans no lines, and mostly its newline follows at once.
  if (
    behind >= 0 &&
    !parser.spaced &&
    behind < end &&
    bytes[behind] === NEWLINE &&
    behind - start <= lineLimit(output, state)
  ) {
    output.keep(bytes, at, behind, state.line);
    window.advance(behind + 1);
    state.line++;
    return;
  }
  decodeSlowly(window, at, end, behind, parser, output, state);
}

/** The same where the line is anything but one compact object: `parsed` is what parsing it came to without regard to lines. */
function decodeSlowly(
  window: ByteWindow,
  at: number,
  end: number,
  parsed: number,
  parser: JsonRowParser,
  output: RowOutput,
  state: LinesState,
): void {
  const { bytes, start } = window;
  // Behind the window the buffer holds old bytes, which may have newlines too.
  const found = bytes.indexOf(NEWLINE, at);
  const newline = found < 0 || found >= end ? -1 : found;
  const lineEnd = newline < 0 ? end : newline;
  const next = newline < 0 ? end : newline + 1;
  const limit = lineLimit(output, state);
  let behind = parsed;
  if (parsed < 0 || parsed > lineEnd) {
    parser.rollback();
    behind = parser.parseRow(bytes, at, lineEnd);
  }
  if (lineEnd - start > limit) behind = TOO_LONG;
  if (behind >= 0) {
    behind = skipSpace(bytes, behind, lineEnd);
    if (behind === lineEnd) {
      output.keep(bytes, at, lineEnd, state.line);
      window.advance(next);
      state.line++;
      return;
    }
    scanned.at = behind;
    scanned.message = 'unexpected text behind the object';
  } else if (behind === TRUNCATED) {
    scanned.at = lineEnd;
    scanned.message =
      newline < 0 ? 'the file ends within the object: it is truncated' : 'the line ends within the object';
  }
  const fault = behind === TOO_LONG ? tooLong(limit) : parser.fault(at);
  parser.rollback();
  output.reject(fault, rawText(bytes, at, lineEnd), state.line);
  window.advance(next);
  state.line++;
}

const TOO_LONG = -3;

function tooLong(limit: number) {
  return { path: '', code: 'value_too_large' as const, message: `the line is longer than ${limit} bytes` };
}

/** Passes over the line at the window's start, which does not end in the window, keeping only its beginning. */
async function skipLine(window: ByteWindow, output: RowOutput, state: LinesState): Promise<void> {
  output.reject(tooLong(lineLimit(output, state)), rawText(window.bytes, window.start, window.end), state.line);
  state.line++;
  for (;;) {
    window.advance(window.end);
    if (!(await window.fill())) return;
    const newline = window.bytes.subarray(window.start, window.end).indexOf(NEWLINE);
    if (newline >= 0) {
      window.advance(window.start + newline + 1);
      return;
    }
  }
}
