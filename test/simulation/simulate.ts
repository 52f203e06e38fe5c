import type { LeaderView } from '../../src/core/protocol/cluster.ts';
import { ConnectedAgent } from './actors/connected-agent.ts';
import { Consumer } from './actors/consumer.ts';
import { Member, putOf } from './actors/member.ts';
import { Submitter } from './actors/submitter.ts';
import { TaskAgent } from './actors/task-agent.ts';
import { ChangeWatcher, KeyWatcher, Watcher } from './actors/watcher.ts';
import { ClusterClient, QueueClient } from './clients.ts';
import { declaredCluster, declaredQueue } from './declared.ts';
import { Network } from './network.ts';
import { Committed, observe } from './observed.ts';
import { ChangesSeen, ClusterOracle } from './oracle/cluster-oracle.ts';
import { QueueOracle } from './oracle/queue-oracle.ts';
import { Catalogue } from './platform/catalogue.ts';
import { inhabit } from './platform/globals.ts';
import { ObjectHost } from './platform/object-host.ts';
import type { Process } from './process.ts';
import type { Methods, System } from './system.ts';
import { World } from './world.ts';

const MINUTE_MS = 60_000;
/** After the faults end all work is done within this long, or it never will be: limits may let one begin each 10 s. */
const QUIET_MS = 60 * MINUTE_MS;

/** What a run did, so that one can see that it tried something. */
export type Counts = Record<string, number>;

export interface SimulateOptions {
  readonly show?: (line: string) => void;
  /** Faults that are left out. */
  readonly without?: readonly string[];
}

/** A run that failed, with what is needed to tell of it. */
export class FailedRun extends Error {
  readonly world: World;

  constructor(world: World, cause: Error) {
    super(cause.message, { cause });
    this.world = world;
  }
}

/**
 * A queue, a cluster, agents, members and those who watch, on virtual time, with the faults that the seed draws; then
 * a quiet end, in which everything acknowledged is worked off. Throws a `FailedRun` at the first broken promise.
 */
export async function simulate(system: System, seed: number, { show, without }: SimulateOptions = {}): Promise<Counts> {
  const world = new World(seed, show ?? null, without);
  inhabit(world);
  const run = new Run(system, world);
  try {
    await run.attack();
    await run.quiet();
  } catch (error) {
    throw new FailedRun(world, error instanceof Error ? error : new Error(String(error)));
  } finally {
    run.dispose();
  }
  return run.counts();
}

class Run {
  private readonly world: World;
  private readonly network: Network;
  private readonly catalogue: Catalogue;
  private readonly queue: ObjectHost;
  private readonly cluster: ObjectHost;
  private readonly queueOracle: QueueOracle;
  private readonly clusterOracle: ClusterOracle;
  private readonly changes: ChangesSeen;
  private readonly keyWatcher: KeyWatcher;
  private readonly processes: Process[] = [];

  constructor(system: System, world: World) {
    this.world = world;
    this.network = new Network(world);
    this.catalogue = new Catalogue(world, { cluster: declaredCluster(world), queue: declaredQueue(world) });
    this.queue = new ObjectHost(world, 'namespace/queue/0', system.TaskQueue, this.catalogue.deps);
    this.cluster = new ObjectHost(world, 'namespace/cluster', system.Cluster, this.catalogue.deps);
    this.queueOracle = new QueueOracle(world);
    this.clusterOracle = new ClusterOracle(world);
    this.changes = new ChangesSeen(world);
    this.keyWatcher = new KeyWatcher(world, 'key-watcher', this.network, this.cluster, this.clusterOracle.kv);
    const ofQueue = new Committed(this.queue, (executed) => this.queueOracle.take(executed));
    const ofCluster = new Committed(this.cluster, (executed) => this.clusterOracle.take(executed));
    observe(system, world, noteOf, (executed) => (executed.of === 'queue' ? ofQueue : ofCluster).take(executed));
  }

  /** Everything at once, for some minutes. */
  async attack(): Promise<void> {
    const { world, network, cluster, clusterOracle } = this;
    for (const name of ['submitter-0', 'submitter-1'])
      this.begin(new Submitter(world, name, this.queueOf(name), this.queueOracle));
    this.begin(new Consumer(world, this.queueOf('consumer')));
    for (let at = 0; at < 2 + world.below(3); at++) this.begin(this.agent(`agent-${at}`, at === 0));
    for (let at = world.pick([0, 0, 1, 2]); at > 0; at--)
      this.begin(new ConnectedAgent(world, `connected-${at}`, network, this.queue));
    for (let at = 0; at < 2 + world.below(2); at++)
      this.begin(new Member(world, `member-${at}`, network, cluster, clusterOracle, this.queueOf(`member-${at}`)));
    this.begin(this.keyWatcher);
    this.begin(new ChangeWatcher(world, 'watcher', network, cluster, this.changes));
    this.every(MINUTE_MS, () => this.sweep());
    world.after(world.below(4 * MINUTE_MS), () => this.catalogue.declare({ queue: declaredQueue(world) }));
    this.every(10_000, () => this.strike());
    await world.runUntil(world.nowMs + (1 + world.below(4)) * MINUTE_MS);
  }

  /** Nothing goes wrong any more, and nothing new comes: all that was acknowledged ends, and nothing is left over. */
  async quiet(): Promise<void> {
    const { world, queueOracle } = this;
    world.trace('world', 'is quiet from here on');
    world.faults.end();
    this.network.heal();
    for (const process of this.processes) {
      if (process instanceof Submitter || process instanceof Consumer) process.die('nothing new comes');
      if (process instanceof TaskAgent || process instanceof ConnectedAgent || process instanceof Watcher)
        process.diligent = true;
    }
    // What is still on its way arrives.
    await world.runUntil(world.nowMs + MINUTE_MS);
    await this.finish(this.queueOf('operator').setState('Active'));
    this.begin(this.agent('helper', true)).diligent = true;
    const done = () => {
      queueOracle.settle(world.nowMs);
      return queueOracle.openTasks.length === 0;
    };
    await world.runUntil(world.nowMs + QUIET_MS, done);
    if (!done()) world.broken('an acknowledged task was lost: it does not end', queueOracle.openTasks[0].taskId);
    await this.watchesCatchUp();
    for (const process of this.processes) process.die('all is done');
    world.check();
    await this.promptness();
    await this.promptnessOfPushes();
    await this.lookAtAll();
    await this.tidiness();
  }

  dispose(): void {
    for (const host of [this.queue, this.cluster]) host.dispose();
  }

  counts(): Counts {
    const { world, queueOracle, clusterOracle } = this;
    return {
      steps: world.steps,
      'virtual seconds': Math.round(world.elapsedMs / 1_000),
      ...queueOracle.counts,
      ...clusterOracle.counts,
      ...clusterOracle.kv.counts,
      'changes watched': this.changes.seen.size,
      ...world.faults.counts,
    };
  }

  private begin<T extends Process & { run(): Promise<void> }>(process: T): T {
    this.processes.push(process);
    process.begin(() => process.run());
    return process;
  }

  private agent(name: string, able: boolean): TaskAgent {
    return new TaskAgent(this.world, name, this.queueOf(name), able);
  }

  private queueOf(name: string): QueueClient {
    return new QueueClient(this.network, this.queue, name);
  }

  private every(ms: number, work: () => void): void {
    this.world.after(ms, () => {
      work();
      this.every(ms, work);
    });
  }

  /** The cron sweep, the alarms' watchdog. */
  private sweep(): void {
    if (this.world.faults.hit('sweep missed')) return;
    for (const host of [this.queue, this.cluster]) {
      if (!this.catalogue.isWatched(host.name)) continue;
      void this.network.call('sweep', host, 'tick', []).catch(() => {});
    }
  }

  private strike(): void {
    const { world } = this;
    const { faults } = world;
    for (const host of [this.queue, this.cluster]) {
      world.after(world.below(10_000), () => {
        if (faults.hit('object killed')) host.kill(false);
        else if (faults.hit('object killed late')) host.kill(true);
        else if (!host.disk.dirty && faults.hit('object evicted')) host.evict();
      });
    }
    for (const { name } of this.processes)
      if (faults.hit('partition')) this.network.cut(name, world.below(2 * MINUTE_MS));
  }

  /** Runs until work that needs no luck is done. */
  private async finish<T>(work: Promise<T>, withinMs = MINUTE_MS): Promise<T> {
    let over = false;
    const ended = work.finally(() => {
      over = true;
    });
    ended.catch(() => {});
    await this.world.runUntil(this.world.nowMs + withinMs, () => over);
    if (!over) this.world.broken('a call without faults is not answered');
    this.world.check();
    return await ended;
  }

  /** A watch that nothing keeps from it has all that there is. */
  private async watchesCatchUp(): Promise<void> {
    const { world, keyWatcher } = this;
    const { kv } = this.clusterOracle;
    const present = kv.revision;
    await world.runUntil(world.nowMs + 2 * MINUTE_MS, () => keyWatcher.reached >= present);
    if (keyWatcher.reached < present)
      world.broken('a watch does not come to the present', `${keyWatcher.reached} of ${present}`);
    // A stream that was given up before the quiet has been taken up again by now.
    await world.runUntil(world.nowMs + 15_000);
    const prober = new ClusterClient(this.network, this.cluster, 'prober');
    const written = await this.finish(prober.kv(putOf('probe', ''), null));
    const revision = written.ok ? written.result.revision : 0;
    await world.runUntil(world.nowMs + 1_000);
    if (keyWatcher.reached < revision) world.broken('a watch is not told within a second', String(revision));
  }

  /** A claim that waits has a task within a second of its being due. */
  private async promptness(): Promise<void> {
    const { world } = this;
    // Claims of processes that are gone may wait in the queue still, and would have the task.
    await world.runUntil(world.nowMs + MINUTE_MS / 2);
    const claim = { agentId: 'prober', max: 1, types: ['probe'], capabilities: [], waitMs: 30_000 };
    let answeredMs = Number.POSITIVE_INFINITY;
    const claimed = this.queueOf('prober').claim(claim);
    const noted = claimed.then((tasks) => {
      answeredMs = world.nowMs;
      return tasks;
    });
    const delayMs = world.below(20_000);
    const probe = { type: 'probe', payload: '{}', priority: 'Low' as const, delayMs, requires: [], options: {} };
    await this.finish(this.queueOf('prober').submit([probe]));
    const dueMs = world.nowMs + delayMs;
    const [task] = (await this.finish(noted)) ?? [];
    if (task === undefined || answeredMs > dueMs + 1_000)
      world.broken('a claim that waits is not answered within a second', String(answeredMs - dueMs));
    if (task !== undefined) {
      const { taskId, leaseToken } = task;
      await this.finish(this.queueOf('prober').report([{ taskId, leaseToken, success: true, retryable: true }]));
    }
  }

  /** A connected agent is sent a task within a second of its being due, though the queue sleeps meanwhile. */
  private async promptnessOfPushes(): Promise<void> {
    const { world, queue } = this;
    // An alarm that was lost before is set again by a sweep, once it is overdue.
    await world.runUntil(world.nowMs + 4 * MINUTE_MS);
    const socket = await this.finish(this.network.connect('push-prober', queue));
    if (socket === null) return;
    let task: { readonly taskId: string; readonly leaseToken: string } | null = null;
    socket.onMessage = (text) => {
      const message = JSON.parse(text) as { type: string; items: { taskId: string; leaseToken: string }[] };
      if (message.type === 'tasks') [task] = message.items;
    };
    socket.send(JSON.stringify({ type: 'hello', agentId: 'push-prober', types: ['push'], slots: 1 }));
    // Later than the queue has a timer for: it would not let it sleep.
    const delayMs = 15_000 + world.below(20_000);
    const push = { type: 'push', payload: '{}', priority: 'Low' as const, delayMs, requires: [], options: {} };
    await this.finish(this.queueOf('push-prober').submit([push]));
    const dueMs = world.nowMs + delayMs;
    await world.runUntil(world.nowMs + 3_000);
    // A sweep may be looking at it just now.
    let asleep = false;
    await world.runUntil(world.nowMs + 1_500, () => {
      asleep ||= queue.evict();
      return asleep;
    });
    if (!asleep) world.broken('an idle queue cannot sleep while agents are connected');
    await world.runUntil(dueMs + 1_000, () => task !== null);
    if (task === null) world.broken('a connected agent is not sent what is due within a second');
    else {
      const { taskId, leaseToken } = task as { taskId: string; leaseToken: string };
      await this.finish(this.queueOf('push-prober').report([{ taskId, leaseToken, success: true, retryable: true }]));
    }
    socket.close();
  }

  /** Every task is where it should be, by the queue's own word. */
  private async lookAtAll(): Promise<void> {
    const { world, queueOracle, processes } = this;
    const queue = this.queueOf('auditor');
    const known = [...queueOracle.tasks.keys()];
    await this.finish(Promise.all(known.map((taskId) => queue.get(taskId))));
    const acknowledged = processes.flatMap((process) =>
      process instanceof Submitter ? [...process.acknowledged] : [],
    );
    for (const taskId of acknowledged) {
      const task = queueOracle.tasks.get(taskId);
      if (task?.over === null || task === undefined) world.broken('an acknowledged task was lost', taskId);
    }
    world.check();
  }

  /** What is over is thrown away, whatever became of the alarms: the sweep sets a lost one. */
  private async tidiness(): Promise<void> {
    const { world } = this;
    const auditor = this.queueOf('auditor');
    const brief = { type: 'probe', payload: '{}', priority: 'Low' as const, requires: [] };
    await this.finish(auditor.submit([{ ...brief, options: { resultRetentionSeconds: 60 } }]));
    const claim = { agentId: 'auditor', max: 1, types: ['probe'], capabilities: [], waitMs: 45_000 };
    const [task] = (await this.finish(auditor.claim(claim))) ?? [];
    if (task !== undefined) {
      const { taskId, leaseToken } = task;
      await this.finish(auditor.report([{ taskId, leaseToken, success: true, retryable: true }]));
    }
    // Streams that nobody reads would tick on.
    this.cluster.kill(true);
    if (world.chance(0.5)) this.queue.loseAlarm();
    await world.runUntil(world.nowMs + 15 * MINUTE_MS);
    const query = 'SELECT count(*) AS n FROM finished WHERE expires_at < ?';
    const left = Number(this.queue.disk.exec(query, [world.nowMs - 10 * MINUTE_MS])[0]['n']);
    if (left > 0) world.broken('what was kept long enough is still there', `${left} results`);
    world.check();
  }
}

/** After these of its calls a cluster has done all that was due. */
const DECIDED = new Set([
  'report',
  'leave',
  'close',
  'campaign',
  'vote',
  'resign',
  'advance',
  'leader',
  'members',
  'view',
]);

/** What is to be known of a machine after each of its calls: of a cluster who leads. */
function noteOf(of: string, method: string, machine: Methods): LeaderView | null {
  if (of !== 'cluster' || !DECIDED.has(method)) return null;
  return machine['presentLeader']() as LeaderView;
}
