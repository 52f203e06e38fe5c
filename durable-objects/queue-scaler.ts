import { signedHeaders } from '../src/access/webhook-signature.ts';
import type { AddressBlock } from '../src/core/address-blocks.ts';
import type { Clock } from '../src/core/clock.ts';
import { outboundFault } from '../src/core/outbound.ts';
import type { ScalingPolicy, ScalingSignals, ScalingView, ScalingWebhook } from '../src/core/protocol/scaling.ts';
import type { Random } from '../src/core/random.ts';
import type { Log } from '../src/observe/log.ts';
import { nextFallMs, scale } from '../src/tasks/scaling.ts';
import { type ScalingMemory, startingMemory } from '../src/tasks/scaling-memory.ts';
import { attemptDueMs, desire, notTaken, taken } from '../src/tasks/scaling-notice.ts';

/** A webhook is given this long to answer. */
const TIMEOUT_MS = 10_000;
/** Calls come by the thousand; the number is looked at this often. */
const LOOK_EVERY_MS = 1_000;
/** What waits grows older while nobody calls. */
const AGE_EVERY_MS = 30_000;

export interface QueueScalerParts {
  /** The queue's name, as agents know it. */
  readonly queue: string;
  readonly policy: () => ScalingPolicy;
  /** The signals of all the queue's shards. */
  readonly signals: () => Promise<ScalingSignals>;
  /** Kept over evictions, JSON. */
  readonly load: () => string | null;
  readonly save: (text: string) => void;
  /** The entry of a secret of the queue's namespace; null where there is none. */
  readonly secret: (name: string) => Promise<string | null>;
  /** The name of the queue's namespace; null where it is gone. */
  readonly namespace: () => Promise<string | null>;
  readonly allowed: () => readonly AddressBlock[];
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Has the number of agents that a queue wants decided, remembers what that needs, and tells a webhook. */
export class QueueScaler {
  private readonly parts: QueueScalerParts;
  private memory: ScalingMemory;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private followUp: ReturnType<typeof setTimeout> | undefined;
  private sending: Promise<void> | null = null;
  private lastError: string | null = null;
  private busy = false;
  /** When to decide again after an attempt that failed: what was due then is due still, and would be at once. */
  private againAtMs: number | null = null;

  constructor(parts: QueueScalerParts) {
    this.parts = parts;
    this.memory = startingMemory(parts.load());
  }

  /** Decides now. */
  async look(): Promise<ScalingView> {
    const { clock, policy: policyNow, signals: measure } = this.parts;
    const policy = policyNow();
    const signals = await measure();
    const nowMs = clock.now();
    this.lookedAtMs = nowMs;
    this.againAtMs = null;
    this.busy = signals.backlog + signals.running > 0;
    const { state, decision } = scale(this.memory.scaling, signals, policy, nowMs);
    const notice =
      policy.webhook === null ? this.memory.notice : desire(this.memory.notice, decision.desiredAgents, nowMs);
    this.remember({ scaling: state, notice });
    return { ...decision, atMs: nowMs, signals, policy, webhook: policy.webhook === null ? null : this.webhookView() };
  }

  /** Something happened to the queue. Without a webhook nobody is told, and whoever asks has it decided then. */
  noticed(keepAlive: (work: Promise<unknown>) => void): void {
    if (this.parts.policy().webhook === null || this.followUp !== undefined) return;
    const waitMs = Math.max(0, this.lookedAtMs + LOOK_EVERY_MS - this.parts.clock.now());
    this.followUp = setTimeout(() => {
      this.followUp = undefined;
      keepAlive(this.run());
    }, waitMs);
  }

  /** Decides and tells, where there is somebody to tell. Never fails: what did not go is tried again. */
  async run(): Promise<void> {
    const { webhook } = this.parts.policy();
    if (webhook === null) return;
    try {
      await this.lookAndTell(webhook);
    } catch (error) {
      this.parts.log.warn('the number of agents was not decided', { queue: this.parts.queue, error });
      this.lookedAtMs = this.parts.clock.now();
      this.againAtMs = this.lookedAtMs + AGE_EVERY_MS;
    }
  }

  private async lookAndTell(webhook: ScalingWebhook): Promise<void> {
    const view = await this.look();
    const dueMs = attemptDueMs(this.memory.notice);
    if (dueMs === null || dueMs > this.parts.clock.now()) return;
    this.sending ??= this.tell(webhook, view).finally(() => {
      this.sending = null;
    });
    await this.sending;
  }

  /** When `run` is to be called at the latest; null for never. */
  nextDueMs(): number | null {
    const policy = this.parts.policy();
    if (policy.webhook === null) return null;
    if (this.againAtMs !== null) return this.againAtMs;
    const dues = [
      attemptDueMs(this.memory.notice),
      nextFallMs(this.memory.scaling, policy),
      this.busy ? Math.max(0, this.lookedAtMs) + AGE_EVERY_MS : null,
    ].filter((due) => due !== null);
    return dues.length === 0 ? null : Math.min(...dues);
  }

  /** The object's storage went. */
  forget(): void {
    clearTimeout(this.followUp);
    this.followUp = undefined;
    this.memory = startingMemory(null);
    this.busy = false;
    this.againAtMs = null;
  }

  private async tell(webhook: ScalingWebhook, view: ScalingView): Promise<void> {
    const { clock, random, log, queue } = this.parts;
    const { sequence, agents, toldAgents } = this.memory.notice;
    const fault = await this.send(webhook, view, sequence, agents, toldAgents).catch((error) => String(error));
    this.lastError = fault;
    const { notice, scaling } = this.memory;
    if (fault === null) {
      this.remember({ scaling, notice: taken(notice, sequence, agents) });
      return;
    }
    log.warn('a scaling webhook was not taken', { queue, fault, failures: notice.failures + 1 });
    this.remember({ scaling, notice: notTaken(notice, sequence, clock.now(), random) });
  }

  /** Why it was not taken, or null. */
  private async send(
    { url, secretName }: ScalingWebhook,
    view: ScalingView,
    sequence: number,
    agents: number,
    toldAgents: number | null,
  ): Promise<string | null> {
    const fault = outboundFault(url, this.parts.allowed());
    if (fault !== null) return fault;
    const secret = await this.parts.secret(secretName);
    if (secret === null) return `there is no secret "${secretName}" with an entry "key"`;
    const namespace = await this.parts.namespace();
    if (namespace === null) return 'the namespace is gone';
    const { queue, clock } = this.parts;
    const body = JSON.stringify({
      type: 'queue.scaling',
      timestamp: new Date(view.atMs).toISOString(),
      data: { namespace, queue, sequence, desiredAgents: agents, previousAgents: toldAgents, signals: view.signals },
    });
    const id = `${namespace}.${queue}.${sequence}`;
    const response = await this.parts.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...signedHeaders(secret, id, clock.now(), body) },
      body,
      // Where it leads was not looked at.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.ok ? null : `it answered ${response.status}`;
  }

  private webhookView(): ScalingView['webhook'] {
    const { notice } = this.memory;
    return {
      toldAgents: notice.toldAgents,
      failures: notice.failures,
      nextAttemptAtMs: attemptDueMs(notice),
      lastError: this.lastError,
    };
  }

  /** A row is written only for what is new. */
  private remember(memory: ScalingMemory): void {
    const { scaling, notice } = this.memory;
    if (memory.scaling === scaling && memory.notice === notice) return;
    this.memory = memory;
    this.parts.save(JSON.stringify(memory));
  }
}
