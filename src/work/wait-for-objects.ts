import { OrasiError } from '../core/errors.ts';
import type { TaskStepState } from '../core/protocol/messages.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import { type Job, later, POLL_SECONDS, type StepOutcome } from './job.ts';
import type { WorkPorts } from './ports.ts';

/** Looks often at first, since most objects are small, then less. */
const EAGER_POLLS = 10;
const PATIENT_SECONDS = 5;

/** The phase in which a task waits for the objects in `ids`; `cursor` counts how often it has looked. */
export const WAITING = 'waiting for objects';

export function waitFor(ids: readonly string[], more: Partial<TaskStepState> = {}): StepOutcome {
  return later({ ...more, phase: WAITING, ids, cursor: '0' }, POLL_SECONDS);
}

/**
 * The objects that a task waits for once all are committed; else when to look again. Throws `unprocessable` where
 * one has failed for good (it has had its attempts) and `gone` where one was deleted.
 */
export async function committedObjects(
  { catalog }: WorkPorts,
  { namespaceUid }: Job,
  state: TaskStepState,
): Promise<readonly LedgerObject[] | StepOutcome> {
  const ids = state.ids ?? [];
  const objects = await catalog.ledger.getAll(ids.map((objectId) => ({ namespaceUid, objectId })));
  if (objects.length < ids.length) throw new OrasiError('gone', 'an object was deleted before it was taken in');
  const failed = objects.find((object) => object.state === 'failed');
  if (failed !== undefined) {
    const { objectId, name, error } = failed;
    throw new OrasiError('unprocessable', `object ${objectId} (${name}) failed: ${error?.code}: ${error?.message}`);
  }
  if (objects.every((object) => object.state === 'committed')) return objects;
  const polls = Number(state.cursor ?? 0) + 1;
  return later({ ...state, cursor: String(polls) }, polls < EAGER_POLLS ? POLL_SECONDS : PATIENT_SECONDS);
}
