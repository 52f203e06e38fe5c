import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../src/core/clock.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { CheckDelay, CheckerPart, EndpointCheckerCalls } from '../src/core/protocol/endpoint-checker.ts';
import type { UpstreamKey } from '../src/core/protocol/gateway.ts';
import { UPSTREAM_MONITOR_NAME, type UpstreamFindings } from '../src/core/protocol/upstream-monitor.ts';
import { systemRandom } from '../src/core/random.ts';
import { type Deps, depsOf } from '../src/deps.ts';
import type { Log } from '../src/observe/log.ts';
import { Checks, type DueCheck, type DueDiscovery } from '../src/traffic/monitor/checks.ts';
import { EndpointProbes } from './endpoint-probes.ts';
import { ObjectAlarm } from './object-alarm.ts';
import { sqlDatabase } from './sql-database.ts';

/** Before what could not be told is told again. */
const TELL_AGAIN_MS = 5_000;

/**
 * Asks endpoints how they are and registries what there is, for all isolates, of the upstreams that the UpstreamMonitor
 * has given to it; it tells that one what it finds. The monitor's sweep looks after it.
 */
export class EndpointChecker extends DurableObject<Cloudflare.Env> implements EndpointCheckerCalls {
  private readonly deps: Deps;
  private readonly log: Log;
  private readonly alarmClock: ObjectAlarm;
  private readonly probes: EndpointProbes;
  private readonly checks: Checks;
  private isTelling = false;
  private tellAgainAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.deps = depsOf(env);
    this.log = this.deps.logs('checks');
    this.alarmClock = new ObjectAlarm(ctx.storage);
    this.probes = new EndpointProbes(this.deps, this.log);
    const connections = { all: LIMITS.checkerConnections, slow: LIMITS.slowCheckerConnections };
    const limits = { connections, endpoints: LIMITS.checkedEndpoints };
    this.checks = new Checks(sqlDatabase(ctx.storage), systemRandom, limits, systemClock.now());
    ctx.blockConcurrencyWhile(async () => {
      await this.alarmClock.load();
      await this.rearm();
    });
  }

  async watch(part: CheckerPart): Promise<Readonly<Record<UpstreamKey, UpstreamFindings>>> {
    this.checks.watch(part, systemClock.now());
    // Whoever asks again looks after it: an alarm can be lost.
    await this.alarmClock.load();
    await this.goOn();
    return this.checks.findings();
  }

  async lastChecks(keys: readonly UpstreamKey[]): Promise<Record<UpstreamKey, Record<string, number>>> {
    return Object.fromEntries(keys.map((key) => [key, this.checks.lastChecks(key)]));
  }

  async delays(): Promise<readonly CheckDelay[]> {
    return this.checks.delays(systemClock.now());
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    await this.goOn();
  }

  /** Asks whoever is due, and tells what has not been told. Answers come in their own time. */
  private async goOn(): Promise<void> {
    const nowMs = systemClock.now();
    const { checks, discoveries } = this.checks.due(nowMs);
    for (const due of checks) this.ctx.waitUntil(this.check(due));
    for (const due of discoveries) this.ctx.waitUntil(this.discover(due));
    if (this.tellAgainAtMs !== null && this.tellAgainAtMs <= nowMs) this.ctx.waitUntil(this.tell());
    await this.rearm();
  }

  private async check(due: DueCheck): Promise<void> {
    const result = await this.probes.check(due);
    if (this.checks.checked(due, result, systemClock.now())) this.ctx.waitUntil(this.tell());
    await this.goOn();
  }

  private async discover(due: DueDiscovery): Promise<void> {
    const answer = await this.probes.discover(due);
    if (this.checks.discovered(due, answer, systemClock.now())) this.ctx.waitUntil(this.tell());
    await this.goOn();
  }

  /** Tells what was found, one message at a time, so that none overtakes another; what is found meanwhile goes with the next. */
  private async tell(): Promise<void> {
    const { checker } = this.checks;
    if (this.isTelling || checker === null) return;
    this.isTelling = true;
    this.tellAgainAtMs = null;
    try {
      for (let findings = this.checks.takeUntold(); findings !== null; findings = this.checks.takeUntold())
        await this.tellMonitor(checker, findings);
    } catch (error) {
      this.log.warn('what was found was not told; it is tried again', { error });
      this.tellAgainAtMs = systemClock.now() + TELL_AGAIN_MS;
    } finally {
      this.isTelling = false;
    }
    await this.rearm();
  }

  private async tellMonitor(checker: number, findings: Readonly<Record<UpstreamKey, UpstreamFindings>>): Promise<void> {
    try {
      await this.env.UPSTREAM_MONITOR.getByName(UPSTREAM_MONITOR_NAME).found(checker, findings);
    } catch (error) {
      this.checks.notTold(findings);
      throw error;
    }
  }

  private async rearm(): Promise<void> {
    const dues = [this.checks.nextDueMs(), this.tellAgainAtMs].filter((due) => due !== null);
    await this.alarmClock.arm(dues.length === 0 ? null : Math.min(...dues));
  }
}
