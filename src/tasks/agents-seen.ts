import type { Track } from './track.ts';

const REMEMBERED = 1_000;
const SEEN_MS = 5 * 60_000;

/** Who asked for work lately, and for what: in memory, to say why a task waits. */
export class AgentsSeen {
  private readonly agents = new Map<
    string,
    { types: ReadonlySet<string> | null; capabilities: ReadonlySet<string>; atMs: number }
  >();

  saw(agentId: string, types: readonly string[] | null, capabilities: readonly string[], nowMs: number): void {
    this.agents.delete(agentId);
    const wanted = types === null ? null : new Set(types);
    this.agents.set(agentId, { types: wanted, capabilities: new Set(capabilities), atMs: nowMs });
    if (this.agents.size <= REMEMBERED) return;
    const oldest = this.agents.keys().next();
    if (!oldest.done) this.agents.delete(oldest.value);
  }

  /** Whether one of the last five minutes may have tasks of a kind. */
  anyFor(kind: Track, nowMs: number): boolean {
    for (const { types, capabilities, atMs } of this.agents.values())
      if (atMs > nowMs - SEEN_MS && kind.suits(types, capabilities)) return true;
    return false;
  }
}
