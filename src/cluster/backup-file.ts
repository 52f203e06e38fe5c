import { createHash } from 'node:crypto';
import { concatBytes } from '../core/bytes.ts';
import { OrasiError } from '../core/errors.ts';
import type { ElectionRecord } from '../core/protocol/cluster.ts';
import type { Election } from './state.ts';

/**
 * The file of a cluster's backup: lines of UTF-8. The first is the magic and the version; each further one a record of
 * JSON; the last one counts what came before and has the SHA-256 of all lines before it, line ends included.
 */
export type BackupRecord =
  /** The first record. Members are no part of it: their sessions are theirs. */
  | {
      readonly type: 'cluster';
      readonly takenAt: string;
      readonly election: Election;
      readonly resigned: readonly string[];
      /** Newest first. */
      readonly elections: readonly ElectionRecord[];
      /** The state's revision; what follows is as of it. */
      readonly revision: number;
    }
  | { readonly type: 'lease'; readonly leaseId: string; readonly ttlSeconds: number }
  /** In the order of their last writes, after all leases. */
  | ({ readonly type: 'key' } & BackupKey);

export interface BackupKey {
  /** Base64, as is the value. */
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Its place within that revision. */
  readonly place: number;
  readonly version: number;
  readonly leaseId: string;
}

interface BackupEnd {
  readonly type: 'end';
  readonly leases: number;
  readonly keys: number;
  readonly sha256: string;
}

const MAGIC = 'orasi-cluster-backup';
const VERSION = 1;

/** The lines of a file, each as its bytes. */
export function* backupLines(records: Iterable<BackupRecord>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  const hash = createHash('sha256');
  const count = { cluster: 0, lease: 0, key: 0 };
  const line = (text: string): Uint8Array => {
    const bytes = encoder.encode(`${text}\n`);
    hash.update(bytes);
    return bytes;
  };
  yield line(`${MAGIC} ${VERSION}`);
  for (const record of records) {
    count[record.type] += 1;
    yield line(JSON.stringify(record));
  }
  const end: BackupEnd = { type: 'end', leases: count.lease, keys: count.key, sha256: hash.digest('hex') };
  yield encoder.encode(`${JSON.stringify(end)}\n`);
}

/** Reads a file to its end. Throws `malformed_input` for what is none, was cut off or changed, or is of a later version. */
export async function verifyBackup(stream: ReadableStream<Uint8Array>): Promise<void> {
  const hash = createHash('sha256');
  let lines = 0;
  let before: Uint8Array | undefined;
  for await (const line of linesOf(stream)) {
    lines += 1;
    if (lines === 1) checkMagic(textOf(line));
    if (before !== undefined) hash.update(before);
    before = line;
  }
  const checksum = before === undefined ? undefined : checksumIn(textOf(before));
  if (checksum === undefined) throw corrupt('it was cut off');
  if (checksum !== hash.digest('hex')) throw corrupt('its checksum is another');
}

/** The records of a file that was verified. */
export async function* readBackup(stream: ReadableStream<Uint8Array>): AsyncGenerator<BackupRecord> {
  let isFirst = true;
  for await (const line of linesOf(stream)) {
    if (isFirst) {
      isFirst = false;
      continue;
    }
    const record = JSON.parse(textOf(line)) as BackupRecord | BackupEnd;
    if (record.type !== 'end') yield record;
  }
}

/** The checksum that the last line has; undefined where it is another line. */
function checksumIn(line: string): string | undefined {
  return /^\{"type":"end","leases":\d+,"keys":\d+,"sha256":"([0-9a-f]{64})"\}\n$/.exec(line)?.[1];
}

function checkMagic(text: string): void {
  const [magic, version] = text.trimEnd().split(' ');
  if (magic !== MAGIC) throw corrupt('it is no backup of a cluster');
  if (Number(version) !== VERSION) throw corrupt(`it is of version ${version}; this is version ${VERSION}`);
}

function corrupt(why: string): OrasiError {
  return new OrasiError('malformed_input', `the backup cannot be used: ${why}`);
}

function textOf(line: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line);
  } catch {
    throw corrupt('it is no text');
  }
}

/** The lines of a stream, line ends included; the last may have none. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      yield concatBytes([...held, chunk.subarray(from, at + 1)]);
      held = [];
      from = at + 1;
    }
    if (from < chunk.length) held.push(chunk.slice(from));
  }
  if (held.length > 0) yield concatBytes(held);
}

const NEWLINE = 10;
