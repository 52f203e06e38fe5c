import type { Clock } from '../core/clock.ts';
import type { TaskMessage, TaskStepMessage } from '../core/protocol/messages.ts';
import type { TaskQueueCalls } from '../core/protocol/tasks.ts';
import type { Indexing } from '../indexing/indexing.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Log } from '../observe/log.ts';
import type { Admission } from '../query/admission.ts';
import type { QueryEngine } from '../query/engine.ts';
import type { Catalog } from '../storage/catalog.ts';
import type { MessageQueue } from '../storage/message-queue.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** What the platform's own tasks need of the world: the machines they set to work, and the queues they come from. */
export interface WorkPorts {
  /** A shard of a queue by its object's name. */
  readonly taskQueue: (name: string) => TaskQueueCalls;
  readonly messages: MessageQueue<TaskMessage | TaskStepMessage>;
  /** The name of a namespace; null where it is gone. */
  readonly namespaceName: (uid: string) => Promise<string | null>;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly ingest: Ingest;
  readonly indexing: Indexing;
  readonly queries: QueryEngine;
  /** Bounds the queries of the isolate: tasks take their turns with requests. */
  readonly admission: Pick<Admission, 'enter'>;
  readonly clock: Clock;
  /** Calls back after so many milliseconds; answers what calls it off. */
  readonly timer: (ms: number, ring: () => void) => () => void;
  readonly log: Log;
}
