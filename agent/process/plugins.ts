import { readdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TaskType } from './task-type.ts';

/** Node's timers hold 2^31 - 1 ms, and one of more fires at once. */
const MAX_TIMEOUT_SECONDS = Math.floor((2 ** 31 - 1) / 1_000);

/**
 * The task types of a folder: each module in it (`.js`, `.mjs`) exports one as `taskType`. A module that has changed
 * since it was loaded is loaded anew, itself and not what it imports; what ran of the old one runs on. Throws where a
 * module cannot be loaded or exports none.
 */
export async function loadPlugins(folder: string): Promise<TaskType[]> {
  const names = (await readdir(folder)).filter((name) => /\.m?js$/.test(name)).sort();
  const types: TaskType[] = [];
  for (const name of names) {
    const path = resolve(folder, name);
    const url = pathToFileURL(path);
    // Node keeps a module by its address for ever.
    url.searchParams.set('changed', String((await stat(path)).mtimeMs));
    const { taskType } = (await import(url.href)) as { taskType?: unknown };
    if (!isTaskType(taskType)) throw new Error(`${path} exports no taskType with a name and a function run`);
    const { timeoutSeconds } = taskType;
    if (timeoutSeconds !== undefined && !(timeoutSeconds > 0 && timeoutSeconds <= MAX_TIMEOUT_SECONDS)) {
      throw new Error(`${path}: timeoutSeconds is above 0 and at most ${MAX_TIMEOUT_SECONDS}, or left out`);
    }
    types.push(taskType);
  }
  return types;
}

function isTaskType(value: unknown): value is TaskType {
  if (typeof value !== 'object' || value === null || !('name' in value) || !('run' in value)) return false;
  if (typeof value.name !== 'string' || value.name === '' || typeof value.run !== 'function') return false;
  return !('timeoutSeconds' in value && value.timeoutSeconds !== undefined) || typeof value.timeoutSeconds === 'number';
}
