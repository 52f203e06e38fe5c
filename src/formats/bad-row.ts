import type { ErrorCode } from '../core/errors.ts';
import type { BadRow } from './format.ts';

/** Bytes of a bad row kept for whoever has to mend it. */
const RAW_BYTES = 1024;

const decoder = new TextDecoder();

/** The text of a bad row as it stood, cut to a bounded length; broken UTF-8 shows as U+FFFD. */
export function rawText(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, Math.min(end, start + RAW_BYTES)));
}

export interface Fault {
  /** The column, or empty where the whole row is meant. */
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A row refused for one reason; `raw` is the row as it stood, for people to see. */
export function badRow(row: number, line: number | undefined, fault: Fault, raw: string): BadRow {
  return line === undefined ? { row, reasons: [fault], raw } : { row, line, reasons: [fault], raw };
}
