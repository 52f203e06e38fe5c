/**
 * Where a task is: its shard and the key it was first stored under. A task's id says so itself, so that a row needs
 * no second index to be found by it. Retries move a row; `TaskStore.find` knows where to.
 */
export interface TaskPlace {
  readonly shard: number;
  readonly lane: number;
  readonly firstDueAtMs: number;
  readonly sequence: number;
}

const RADIX = 36;

export function taskIdOf({ shard, lane, firstDueAtMs, sequence }: TaskPlace): string {
  return [shard, lane, firstDueAtMs, sequence].map((part) => part.toString(RADIX)).join('-');
}

/** The place an id names, or null where it is not an id. */
export function placeOf(taskId: string): TaskPlace | null {
  if (!/^[0-9a-z]{1,10}(-[0-9a-z]{1,10}){3}$/.test(taskId)) return null;
  const [shard, lane, firstDueAtMs, sequence] = taskId.split('-').map((part) => Number.parseInt(part, RADIX));
  const place = { shard, lane, firstDueAtMs, sequence };
  // One spelling an id: `01` is not `1`.
  return taskIdOf(place) === taskId ? place : null;
}
