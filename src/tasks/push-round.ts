import type { BalanceSettings } from '../core/protocol/balance-settings.ts';
import { type AgentHealth, type Candidate, type ChoiceReason, choose, type Turns } from './balance.ts';
import type { Taker, Takers } from './claims.ts';
import type { Connection } from './connection.ts';

/** What decides who may have a task. */
interface Kind {
  suits(types: ReadonlySet<string> | null, capabilities: ReadonlySet<string>): boolean;
}

/** An agent as a round begins. */
export interface Present {
  readonly connection: Connection;
  readonly health: AgentHealth;
}

/**
 * One round of placing tasks on connected agents. What it decides is its own until the leases it led to are written:
 * of a round that fails nothing stays.
 */
export class PushRound implements Takers {
  /** Who was chosen, choice by choice. */
  readonly choices: { readonly agentId: string; readonly reason: ChoiceReason }[] = [];
  turns: Turns;
  private readonly open: readonly Present[];
  private readonly balance: BalanceSettings;
  private readonly given = new Map<string, number>();

  constructor(present: readonly Present[], turns: Turns, balance: BalanceSettings) {
    this.open = present.filter(({ connection, health }) => health !== 'Unhealthy' && connection.room > 0);
    this.turns = turns;
    this.balance = balance;
  }

  /** Nobody has room: there is nothing to place. */
  get isFull(): boolean {
    return this.open.every(({ connection }) => this.roomOf(connection) === 0);
  }

  suits(kind: Kind): boolean {
    return this.open.some(({ connection }) => takes(connection, kind));
  }

  choose({ lane, groupKey }: { readonly lane: Kind; readonly groupKey: string | undefined }): Taker | null {
    const suitable = this.open.filter(({ connection }) => takes(connection, lane));
    const choice = choose(
      suitable.map((present) => this.candidate(present)),
      groupKey,
      this.turns,
      this.balance,
    );
    if (choice === null) return null;
    const { agentId, reason, turns } = choice;
    this.turns = turns;
    this.choices.push({ agentId, reason });
    this.given.set(agentId, (this.given.get(agentId) ?? 0) + 1);
    const chosen = suitable.find(({ connection }) => connection.agentId === agentId);
    return { agentId, leaseSeconds: chosen?.connection.hello.leaseSeconds };
  }

  private candidate({ connection, health }: Present): Candidate {
    const { agentId, load, unreported } = connection;
    return {
      agentId,
      health,
      load,
      unreported: unreported + (this.given.get(agentId) ?? 0),
      room: this.roomOf(connection),
    };
  }

  private roomOf({ agentId, room }: Connection): number {
    return room - (this.given.get(agentId) ?? 0);
  }
}

function takes({ types, capabilities }: Connection, kind: Kind): boolean {
  return kind.suits(types, capabilities);
}
