import type { MaintenancePayload } from '../../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../../core/protocol/messages.ts';
import { done, type Job, later, plus, type StepOutcome } from '../job.ts';
import type { WorkPorts } from '../ports.ts';

/** Pages of one step. */
const PAGES = 5;

/** Removes from the bucket what nothing refers to, and reports how much that was. */
export async function cleanUp(
  { ingest }: WorkPorts,
  { namespaceUid, signal }: Job,
  { operation, minimumAgeSeconds }: MaintenancePayload<'cleanup'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  let cursor = state?.cursor;
  let counts = plus(state?.counts, { filesRemoved: 0, bytesRemoved: 0 });
  for (let page = 0; page < PAGES; page++) {
    signal.throwIfAborted();
    const cleaned = await ingest.clean(namespaceUid, minimumAgeSeconds * 1_000, cursor);
    counts = plus(counts, { filesRemoved: cleaned.files, bytesRemoved: cleaned.bytes });
    if (cleaned.cursor === undefined) return done({ operation, ...counts });
    cursor = cleaned.cursor;
  }
  return later({ phase: 'removing', cursor, counts }, 0);
}
