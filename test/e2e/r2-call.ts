import type { PutOptions } from '../../src/storage/object-store.ts';

/** One call of an object store, its body, if it has one, in the request's. */
export type StoreCall =
  | { readonly op: 'head'; readonly key: string }
  | {
      readonly op: 'read';
      readonly key: string;
      readonly offset: number;
      readonly length: number;
      readonly etag?: string;
    }
  | { readonly op: 'stream'; readonly key: string; readonly offset?: number; readonly etag?: string }
  | { readonly op: 'put'; readonly key: string; readonly options?: PutOptions; readonly streamed: boolean }
  | { readonly op: 'createUpload'; readonly key: string; readonly options?: PutOptions }
  | {
      readonly op: 'uploadPart';
      readonly key: string;
      readonly uploadId: string;
      readonly part: number;
      readonly sizeBytes?: number;
      readonly streamed: boolean;
    }
  | {
      readonly op: 'complete';
      readonly key: string;
      readonly uploadId: string;
      readonly parts: { part: number; etag: string }[];
    }
  | { readonly op: 'abort'; readonly key: string; readonly uploadId: string }
  | { readonly op: 'delete'; readonly keys: readonly string[] }
  | { readonly op: 'list'; readonly prefix: string; readonly cursor?: string; readonly limit?: number };

export const CALL_HEADER = 'x-store-call';
