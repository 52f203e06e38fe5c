import type { ObjectHost } from './platform/object-host.ts';
import type { Methods, System } from './system.ts';
import type { World } from './world.ts';

/** A call that a machine carried out, whoever made it, as it was at that moment. */
export interface Executed {
  readonly of: 'queue' | 'cluster' | 'kv';
  readonly method: string;
  readonly args: readonly unknown[];
  readonly answer: unknown;
  /** What `note` said of the machine right after it. */
  readonly note: unknown;
  readonly atMs: number;
}

/** What is to be remembered of a machine with each of its calls. */
export type Note = (of: Executed['of'], method: string, machine: Methods) => unknown;

interface Sink {
  readonly world: World;
  readonly note: Note;
  readonly take: (executed: Executed) => void;
}

const sinks = new WeakMap<System, { present: Sink | null }>();

/**
 * Hands every call of a system's machines to `take`, in the order they were carried out. Calls that machines make of
 * themselves are part of the call they are made in; a call that throws changed nothing and is not told.
 */
export function observe(system: System, world: World, note: Note, take: (executed: Executed) => void): void {
  let sink = sinks.get(system);
  if (sink === undefined) {
    sink = { present: null };
    sinks.set(system, sink);
    wrap('queue', system.queueMachine, sink);
    wrap('cluster', system.clusterMachine, sink);
    wrap('kv', system.kvMachine, sink);
  }
  sink.present = { world, note, take };
}

function wrap(of: Executed['of'], prototype: Methods, sink: { present: Sink | null }): void {
  let depth = 0;
  for (const method of Object.getOwnPropertyNames(prototype)) {
    const { value: original } = Object.getOwnPropertyDescriptor(prototype, method) ?? {};
    if (method === 'constructor' || typeof original !== 'function') continue;
    prototype[method] = function (this: Methods, ...args: unknown[]) {
      if (depth > 0) return original.apply(this, args);
      depth += 1;
      try {
        const answer: unknown = original.apply(this, args);
        const { present } = sink;
        if (present !== null) {
          const { world, note, take } = present;
          take({ of, method, args, answer, note: note(of, method, this), atMs: world.nowMs });
        }
        return answer;
      } finally {
        depth -= 1;
      }
    };
  }
}

/** Calls of an object's machines, told once what they wrote is safe; never told where a crash took it back. */
export class Committed {
  private readonly waiting: Executed[] = [];
  private readonly host: ObjectHost;
  private readonly tell: (executed: Executed) => void;

  constructor(host: ObjectHost, tell: (executed: Executed) => void) {
    this.host = host;
    this.tell = tell;
    host.committed = (kept) => {
      const settled = this.waiting.splice(0);
      if (kept) for (const executed of settled) tell(executed);
    };
  }

  take(executed: Executed): void {
    if (this.host.disk.dirty) this.waiting.push(executed);
    else this.tell(executed);
  }
}
