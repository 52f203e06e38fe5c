import type { Verb } from '../access/authorize.ts';
import { type FieldError, OrasiError } from '../core/errors.ts';
import { type BuiltInType, isBuiltInType, payloadFaults } from '../core/protocol/built-in-tasks.ts';
import type { NewTask } from '../core/protocol/tasks.ts';
import type { ApiBase } from './ports.ts';
import type { ApiRequest } from './route.ts';

/** What whoever submits a task that the platform runs must be allowed to do: the task does it in their place. */
const NEEDED: Readonly<Record<BuiltInType, readonly { readonly verb: Verb; readonly resource: string }[]>> = {
  Ingestion: [{ verb: 'create', resource: 'objects' }],
  Indexing: [{ verb: 'update', resource: 'datasets' }],
  Processing: [
    { verb: 'create', resource: 'queries' },
    { verb: 'create', resource: 'objects' },
  ],
  Query: [{ verb: 'create', resource: 'queries' }],
  Maintenance: [{ verb: 'update', resource: 'datasets' }],
};

/** Throws `forbidden` where a task of a built-in type would do for its submitter what the submitter may not do. */
export function checkMayHandIn(
  base: Pick<ApiBase, 'authorize'>,
  { subject, params }: Pick<ApiRequest<unknown, unknown>, 'subject' | 'params'>,
  tasks: readonly Pick<NewTask, 'type'>[],
): void {
  for (const type of new Set(tasks.map((task) => task.type))) {
    if (!isBuiltInType(type)) continue;
    for (const { verb, resource } of NEEDED[type]) {
      if (subject !== null && base.authorize(subject, verb, '', resource, params.ns, null)) continue;
      throw new OrasiError('forbidden', `a task of type "${type}" asks for leave to ${verb} ${resource}`);
    }
  }
}

/** What is wrong with a task of a built-in type beyond what is asked of any task. */
export function builtInFaults(task: {
  readonly type: string;
  /** JSON text. */
  readonly payload?: string | undefined;
  readonly requires: readonly string[];
}): FieldError[] {
  if (!isBuiltInType(task.type)) return [];
  const faults = payloadFaults(task.type, JSON.parse(task.payload ?? 'null'));
  if (task.requires.length === 0) return faults;
  return [
    { path: 'requires', message: 'expected none: the platform runs this type, and it has no capabilities' },
    ...faults,
  ];
}
