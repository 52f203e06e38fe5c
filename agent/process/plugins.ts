import { readdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TaskType } from './task-type.ts';

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
    types.push(taskType);
  }
  return types;
}

function isTaskType(value: unknown): value is TaskType {
  if (typeof value !== 'object' || value === null || !('name' in value) || !('run' in value)) return false;
  if (typeof value.name !== 'string' || value.name === '' || typeof value.run !== 'function') return false;
  return !('timeoutSeconds' in value) || (typeof value.timeoutSeconds === 'number' && value.timeoutSeconds > 0);
}
