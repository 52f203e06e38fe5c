import { toBase64 } from '../../core/bytes.ts';
import type { KvRecord } from '../../core/protocol/cluster-kv.ts';

/** A record as people see it: text where it is UTF-8, base64 where it is not. */
export interface RecordView {
  readonly key?: string;
  readonly keyBase64?: string;
  readonly value?: string;
  readonly valueBase64?: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  readonly leaseId?: string;
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of bytes, or undefined where they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

export function recordView(record: KvRecord, withValue = true): RecordView {
  const key = textOf(record.key);
  const value = textOf(record.value);
  return {
    ...(key === undefined ? { keyBase64: toBase64(record.key) } : { key }),
    ...(!withValue ? {} : value === undefined ? { valueBase64: toBase64(record.value) } : { value }),
    revision: record.modRevision,
    createRevision: record.createRevision,
    version: record.version,
    ...(record.leaseId === '0' ? {} : { leaseId: record.leaseId }),
  };
}
