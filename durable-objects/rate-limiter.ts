import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../src/core/clock.ts';
import { assert } from '../src/core/errors.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { ObjectDatabase } from '../src/core/object-database.ts';
import type { LimitAsk, LimitChange, RateLimiterCalls, TakeAnswer } from '../src/core/protocol/rate-limiter.ts';
import { depsOf } from '../src/deps.ts';
import { Counters } from '../src/traffic/limit/counters.ts';
import { Journal } from '../src/traffic/limit/journal.ts';
import { Nonces } from '../src/traffic/nonces.ts';
import { ObjectAlarm } from './object-alarm.ts';
import { sqlDatabase } from './sql-database.ts';

/** What an object that dies has not written: the calls of so long. A shorter time costs more rows. */
const FLUSH_AFTER_MS = 1_000;
/** Counters are looked through no more often than this. */
const FORGET_AFTER_MS = 60_000;

/**
 * Counts for all isolates what passes under the limits of a policy, for a share of its keys. Its name is
 * `{namespaceUid}/{policy}/{shard}`. Counters are in memory; what changed is written about once a second, since a row
 * a request would cost more than the request. So an object that dies forgets the last second at most.
 *
 * `{namespaceUid}/@nonces/{shard}` keeps which signatures were used: a limit of one, for which a row is written.
 */
export class RateLimiter extends DurableObject<Cloudflare.Env> implements RateLimiterCalls {
  private readonly database: ObjectDatabase;
  private readonly alarmClock: ObjectAlarm;
  private counters = new Counters(LIMITS.rateLimitCounters);
  private journal: Journal;
  private nonces: Nonces;
  private flushing: ReturnType<typeof setTimeout> | null = null;
  private watched = false;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.database = sqlDatabase(ctx.storage);
    this.alarmClock = new ObjectAlarm(ctx.storage);
    this.journal = new Journal(this.database);
    this.journal.load(this.counters);
    this.nonces = new Nonces(this.database);
    ctx.blockConcurrencyWhile(async () => {
      this.watched = (await ctx.storage.get('watched')) === true;
      await this.alarmClock.load();
    });
  }

  async take(asks: readonly LimitAsk[], changes: readonly LimitChange[]): Promise<TakeAnswer> {
    const nowMs = systemClock.now();
    this.counters.change(changes, nowMs);
    const answer = this.counters.take(asks, nowMs);
    this.flushSoon();
    return answer;
  }

  async change(changes: readonly LimitChange[]): Promise<void> {
    this.counters.change(changes, systemClock.now());
    this.flushSoon();
  }

  async peek(asks: readonly LimitAsk[]): Promise<TakeAnswer> {
    return this.counters.peek(asks, systemClock.now());
  }

  async reset(limits: readonly string[], key: string): Promise<number> {
    const count = this.counters.reset(limits, key);
    this.flushSoon();
    return count;
  }

  async firstUse(nonce: string, expiresAtMs: number): Promise<boolean> {
    const isFirst = this.nonces.firstUse(nonce, expiresAtMs);
    await this.register();
    await this.alarmClock.arm(systemClock.now() + FORGET_AFTER_MS);
    return isFirst;
  }

  /** Looks whether the alarm is set as it should be; a sweep calls it, since an alarm can be lost. */
  async tick(): Promise<void> {
    await this.alarmClock.load();
    await this.forget();
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    await this.forget();
  }

  /** It has no WebSockets. */
  async revoked(): Promise<void> {}

  /** Everything is forgotten: the namespace is being deleted. */
  async erase(): Promise<void> {
    if (this.flushing !== null) clearTimeout(this.flushing);
    this.flushing = null;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.alarmClock.clear();
    this.watched = false;
    this.counters = new Counters(LIMITS.rateLimitCounters);
    this.journal = new Journal(this.database);
    this.nonces = new Nonces(this.database);
  }

  private flushSoon(): void {
    if (this.flushing !== null || this.counters.changed.size === 0) return;
    this.flushing = setTimeout(() => {
      this.flushing = null;
      // What could not be written is written with what comes next.
      this.flush().catch((error) => depsOf(this.env).logs('limiter').error('counters not written', { error }));
    }, FLUSH_AFTER_MS);
  }

  private async flush(): Promise<void> {
    this.journal.flush(this.counters);
    await this.register();
    await this.alarmClock.arm(systemClock.now() + FORGET_AFTER_MS);
  }

  private async forget(): Promise<void> {
    const nowMs = systemClock.now();
    const next = [this.counters.forget(nowMs), this.nonces.forget(nowMs)].filter((atMs) => atMs !== null);
    this.journal.flush(this.counters);
    const nextMs = next.length === 0 ? null : Math.min(...next);
    if (nextMs !== null) await this.alarmClock.arm(Math.max(nextMs, nowMs + FORGET_AFTER_MS));
  }

  /** Enters the registry by which the namespace's end finds it. */
  private async register(): Promise<void> {
    if (this.watched) return;
    const { name } = this.ctx.id;
    assert(name !== undefined, 'a limiter is made by its name');
    await depsOf(this.env).watched.add({ kind: 'rate-limiter', name });
    await this.ctx.storage.put('watched', true);
    this.watched = true;
  }
}
