import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { MemberLoad } from '../../src/core/protocol/cluster.ts';
import { type Random, systemRandom } from '../../src/core/random.ts';
import type { Client } from '../client/client.ts';
import { serveAgent } from './agent-server.ts';
import type { AgentView } from './agent-view.ts';
import { createChanges } from './changes.ts';
import { claimTasks } from './claiming.ts';
import { type AgentConfig, fixedFieldsChanged, reloaded } from './config.ts';
import { keepLeases } from './lease-keeping.ts';
import type { Log } from './log.ts';
import { machineLoad } from './machine-load.ts';
import { startMembership } from './membership.ts';
import { openOutbox } from './outbox.ts';
import { type QueueCalls, queueCalls } from './queue-calls.ts';
import { startQueueSockets } from './queue-sockets.ts';
import { reachableAt, registrar } from './registering.ts';
import { deliverReports } from './reporting.ts';
import { createRunner } from './runner.ts';
import type { TaskType } from './task-type.ts';

/** An agent at work. */
export interface RunningAgent {
  /** Where it answers, such as `http://127.0.0.1:8082`. */
  readonly url: string;
  view(): AgentView;
  /** Takes up another configuration, but for what holds for the life of the process. */
  reload(config: AgentConfig, types: ReadonlyMap<string, TaskType>): void;
  /** Another configuration cannot be; it goes on with what it has. */
  refuse(reason: string): void;
  /** Stops it: no more tasks, running ones drained or handed back, results delivered, the cluster left. */
  stop(): Promise<void>;
  /** Resolves to why it cannot go on, if that comes to pass. */
  readonly failed: Promise<string>;
}

export interface AgentParts {
  readonly client: Client;
  readonly namespace: string;
  readonly config: AgentConfig;
  readonly types: ReadonlyMap<string, TaskType>;
  readonly log: Log;
  readonly random?: Random;
}

/** Results that wait for a queue out of reach, before no more tasks are taken. */
const UNREPORTED = 1_000;
/** How long results are still offered once the agent stops; what is left is offered when it starts again. */
const FAREWELL_MS = 10_000;

/** Starts an agent: it answers on its port from here on, joins and claims. Throws where the port is taken. */
export async function startAgent(parts: AgentParts): Promise<RunningAgent> {
  const { client, namespace, log, random = systemRandom } = parts;
  let { config, types } = parts;
  const { agentId, cluster, queue, host } = config;
  const startedAt = new Date().toISOString();
  let configuration: AgentView['status']['configuration'] = { loadedAt: startedAt, refused: null, restartFor: [] };
  let status: 'Running' | 'Stopping' = 'Running';
  let load: MemberLoad | null = null;
  let reserved = 0;
  const outcomes: Record<string, number> = {};
  const changes = createChanges();
  const claiming = new AbortController();
  const finished = new AbortController();
  let fail: (reason: string) => void = () => {};
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });

  const view = (): AgentView => {
    const { memberId, epoch } = membership.leader();
    const joined = membership.isJoined();
    const tasks = runner.tasks().map(({ task: { taskId, type, attempt }, startedMs }) => {
      return { taskId, type, attempt, runningMs: Math.round(performance.now() - startedMs) };
    });
    return {
      ready: status === 'Stopping' ? 'it is stopping' : joined || 'the cluster has not answered',
      info: {
        agentId,
        cluster,
        queue,
        namespace,
        zone: config.zone ?? null,
        types: [...types.keys()],
        capabilities: config.capabilities,
        concurrency: config.concurrency,
        node: process.versions.node,
        startedAt,
      },
      status: {
        status,
        joined,
        link: membership.link(),
        tasksBy: pushed.state === 'failing' ? 'polling' : 'socket',
        leader: memberId,
        isLeader: memberId === agentId,
        epoch,
        load,
        registered: registered?.status() ?? null,
        configuration,
      },
      tasks: { running: tasks, unreported: outbox.size, counts: { ...runner.counts }, outcomes: { ...outcomes } },
    };
  };

  // Results belong to one queue of one platform: another one never sees their tokens.
  const place = createHash('sha256')
    .update(JSON.stringify([client.target.url, namespace, queue]))
    .digest('hex');
  const outbox = await openOutbox(join(config.stateFolder, agentId, place.slice(0, 16)), log);
  const runner = createRunner({ types: () => types, report: (report) => outbox.add(report), changes, log });
  const measure = machineLoad(config.stateFolder);
  const enter = await registrar(config, random);
  // The port last of what may fail: two agents that were given one are found out before either takes work.
  const { server, port } = await serveAgent(view, host, config.port);
  const address = config.address ?? reachableAt(host);
  const urlOf = (name: string) => `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
  const registered = enter?.(address, port);
  const membership = startMembership({
    client,
    namespace,
    config: () => config,
    status: () => status,
    address: urlOf(address),
    load: async () => {
      load = { ...(await measure()), activeTasks: runner.tasks().length, queueLength: outbox.size };
      return load;
    },
    random,
    log,
    replaced: () => fail(`another process has joined as "${agentId}"`),
  });
  const places = () => config.concurrency - runner.occupied - reserved;
  const slots = () => {
    if (claiming.signal.aborted) return null;
    return outbox.size < UNREPORTED ? Math.max(0, places()) : 0;
  };
  const polled = queueCalls(client, namespace, queue);
  const pushed = startQueueSockets(
    {
      ...{ client, namespace, slots, runner, changes, random, log },
      config: () => config,
      types: () => [...types.keys()],
      load: () => load,
    },
    finished.signal,
  );
  // Over whatever is there: what fails on one is tried again on the other.
  const calls: QueueCalls = {
    claim: polled.claim,
    report: (results) => (pushed.only?.calls ?? polled).report(results),
    heartbeat: (leases, leaseSeconds) => (pushed.only?.calls ?? polled).heartbeat(leases, leaseSeconds),
  };
  const common = { calls, runner, outbox, changes, random, log };
  const claims = claimTasks(
    {
      ...{ ...common, slots },
      isAsked: () => pushed.state === 'failing',
      config: () => config,
      types: () => types,
      reserve: (count) => {
        reserved = count;
        changes.tell();
      },
    },
    claiming.signal,
  );
  const leases = keepLeases({ ...common, leaseSeconds: () => config.leaseSeconds }, finished.signal);
  const reports = deliverReports(
    {
      ...common,
      counted: (outcome) => {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      },
    },
    finished.signal,
  );

  const stop = async (): Promise<void> => {
    status = 'Stopping';
    claiming.abort();
    changes.tell();
    membership.nudge();
    registered?.stopping();
    await Promise.all([claims, untilEmpty(() => runner.tasks().length, config.drainSeconds * 1000)]);
    runner.stop();
    await untilEmpty(() => runner.occupied + outbox.size, FAREWELL_MS);
    if (outbox.size > 0) log('results are left for the next start', { count: outbox.size });
    finished.abort();
    await Promise.all([leases, reports, pushed.over(), membership.leave(), registered?.close()]);
    server.close();
    server.closeAllConnections();
  };
  const untilEmpty = async (count: () => number, ms: number): Promise<void> => {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), ms);
    while (count() > 0 && !over.signal.aborted) await changes.next(ms, over.signal);
    clearTimeout(timer);
  };

  let stopped: Promise<void> | undefined;
  return {
    url: urlOf(host),
    view,
    failed,
    reload(next, nextTypes) {
      const restartFor = fixedFieldsChanged(config, next);
      config = reloaded(config, next);
      types = nextTypes;
      configuration = { loadedAt: new Date().toISOString(), refused: null, restartFor };
      log('configuration loaded', { types: [...types.keys()], ...(restartFor.length > 0 ? { restartFor } : {}) });
      changes.tell();
      membership.nudge();
    },
    refuse(reason) {
      configuration = { ...configuration, refused: reason };
      log('configuration refused; the one before holds', { reason });
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}
