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

/** There is work of a built-in type in this shard of a queue, by its object's name: claim it and do it. */
export interface TaskMessage {
  readonly v: 1;
  readonly type: 'tasks';
  readonly queue: string;
}

/** Go on with a task that waits for something else, or has done a part: its lease is held over the pause. */
export interface TaskStepMessage {
  readonly v: 1;
  readonly type: 'task-step';
  readonly queue: string;
  readonly taskId: string;
  readonly leaseToken: string;
  readonly attempt: number;
  /** Steps are counted from 1. The task's progress says which is the next: another's message has nothing to do. */
  readonly step: number;
  /** What the step before left to go on with. */
  readonly state: TaskStepState;
}

/** Small, since it travels in a message; what each member means is the operation's own. */
export interface TaskStepState {
  readonly phase: string;
  /** Where a walk goes on. */
  readonly cursor?: string | undefined;
  readonly ids?: readonly string[] | undefined;
  readonly counts?: Readonly<Record<string, number>> | undefined;
  readonly notes?: readonly string[] | undefined;
}
