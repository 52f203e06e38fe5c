import { readDate, readInstant } from '../../columns/instant.ts';
import { readNumber } from '../../columns/number.ts';
import { type Dialect, NEWLINE, RETURN, RecordScanner, TextSink, TRUNCATED } from './record.ts';

/** Delimiters that are guessed, the likelier first. */
const DELIMITERS = [',', ';', '\t', '|'];

/** Records looked at for a guess. */
const SAMPLE_RECORDS = 200;

/** The fields of the first records, at most `SAMPLE_RECORDS`; blank lines and a record that is cut off are left out. */
function sample(bytes: Uint8Array, last: boolean, dialect: Dialect): string[][] {
  const scanner = new RecordScanner(dialect);
  const records: string[][] = [];
  let at = 0;
  while (at < bytes.length && records.length < SAMPLE_RECORDS) {
    const sink = new TextSink(dialect.encoding);
    const behind = scanner.scan(bytes, at, bytes.length, last, sink);
    if (behind === TRUNCATED) break;
    if (behind < 0) {
      const newline = bytes.indexOf(dialect.lineEnd, at);
      if (newline < 0) break;
      at = newline + 1;
      continue;
    }
    if (sink.fields.length > 1 || sink.fields[0] !== '') records.push(sink.fields);
    at = behind;
  }
  return records;
}

/**
 * The delimiter with which most records have the same number of fields, more than one; the comma where none
 * gives that. `bytes` are the beginning of the file, all of it where `last`.
 */
export function guessDelimiter(bytes: Uint8Array, last: boolean, dialect: Omit<Dialect, 'delimiter'>): number {
  let best = { delimiter: 44, share: 0, fields: 1 };
  for (const candidate of DELIMITERS) {
    const delimiter = candidate.charCodeAt(0);
    const records = sample(bytes, last, { ...dialect, delimiter });
    const counts = new Map<number, number>();
    for (const { length } of records) counts.set(length, (counts.get(length) ?? 0) + 1);
    for (const [fields, count] of counts) {
      const share = count / records.length;
      if (fields < 2 || share < 0.5) continue;
      if (share > best.share + 0.1 || (share > best.share - 0.1 && fields > best.fields)) {
        best = { delimiter, share, fields };
      }
    }
  }
  return best.delimiter;
}

/** CR where the beginning of the file has no LF. */
export function guessLineEnd(bytes: Uint8Array): Dialect['lineEnd'] {
  return !bytes.includes(NEWLINE) && bytes.includes(RETURN) ? RETURN : NEWLINE;
}

const encoder = new TextEncoder();

/** Whether a text is a value that no header has: a number, a truth value, a date or an instant. */
function isValue(text: string): boolean {
  if (text === 'true' || text === 'false') return true;
  const bytes = encoder.encode(text);
  return readNumber(bytes, 0, bytes.length) || readDate(bytes, 0, bytes.length) || readInstant(bytes, 0, bytes.length);
}

/** Whether the first record names the columns: nothing in it is a value, and something in it is not empty. */
export function looksLikeHeader(fields: readonly string[]): boolean {
  return fields.some((field) => field.trim() !== '') && !fields.some((field) => isValue(field.trim()));
}
