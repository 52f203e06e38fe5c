/**
 * What travels on the queues. Every message is a pointer: losing, repeating or reordering one changes
 * nothing but the time at which the work is done. `v` is the version of the shape.
 */

/** Take in one object, or its next part. The ledger says what and where; the message only wakes. */
export interface IngestMessage {
  readonly v: 1;
  readonly type: 'ingest';
  readonly namespaceUid: string;
  readonly objectId: string;
}

/**
 * R2's event notification, as Cloudflare documents it
 * (https://developers.cloudflare.com/r2/buckets/event-notifications/). Deletes carry no size and etag.
 */
export interface BucketEvent {
  readonly account: string;
  readonly action: 'PutObject' | 'CopyObject' | 'CompleteMultipartUpload' | 'DeleteObject' | 'LifecycleDeletion';
  readonly bucket: string;
  readonly object: { readonly key: string; readonly size?: number; readonly eTag?: string };
  readonly eventTime: string;
  readonly copySource?: { readonly bucket: string; readonly object: string };
}

/** Bring the index files of these segments up to the dataset's definitions. */
export interface IndexMessage {
  readonly v: 1;
  readonly type: 'index';
  readonly namespaceUid: string;
  readonly datasetId: string;
  readonly segmentIds: readonly string[];
}
