import { Cluster } from '../durable-objects/cluster.ts';
import { ControlPlane } from '../durable-objects/control-plane.ts';
import { EndpointChecker } from '../durable-objects/endpoint-checker.ts';
import { MetricsHub } from '../durable-objects/metrics-hub.ts';
import { RateLimiter } from '../durable-objects/rate-limiter.ts';
import { TaskQueue } from '../durable-objects/task-queue.ts';
import { UpstreamMonitor } from '../durable-objects/upstream-monitor.ts';
import { consumeDeadHints, consumeDeadIngest } from '../queues/dead-letter.ts';
import { consumeIndex } from '../queues/index.ts';
import { consumeIngest } from '../queues/ingest.ts';
import { consumeTasks } from '../queues/tasks.ts';
import { authorize } from './access/authorize.ts';
import { policySecrets } from './access/policy-secrets.ts';
import { keysFrom } from './access/secret-encryption.ts';
import { createApi } from './api/api.ts';
import type { ApiBase } from './api/ports.ts';
import type { ApiApp } from './api/route.ts';
import { isAdminHost } from './config.ts';
import { systemClock } from './core/clock.ts';
import { OrasiError } from './core/errors.ts';
import { METRICS_HUB_NAMES } from './core/protocol/metrics-hub.ts';
import { edgeTiersIn } from './core/protocol/rate-limit.ts';
import { UPSTREAM_MONITOR_NAME } from './core/protocol/upstream-monitor.ts';
import { systemRandom } from './core/random.ts';
import { systemTimer } from './core/timer.ts';
import { type Deps, depsOf } from './deps.ts';
import { type CreatedGateway, createGateway } from './gateway/create-gateway.ts';
import { checkHealth } from './health.ts';
import { sentryReporter, silentReporter } from './observe/error-reporter.ts';
import { isLogged } from './observe/log.ts';
import { canonicalAuthority, canonicalRequest } from './traffic/canonical.ts';

export { Cluster, ControlPlane, EndpointChecker, MetricsHub, RateLimiter, TaskQueue, UpstreamMonitor };

/** What the local launcher calls the sweep after a start: nothing that ran before is alive, no message survived. */
const AFTER_RESTART = '@restart';

const apis = new WeakMap<Deps, ApiApp>();
const gateways = new WeakMap<Deps, CreatedGateway>();

/** The Worker: requests to the API or the gateway, queue batches to their consumer, the cron to the sweep. */
export default {
  fetch(request, env, context) {
    const deps = depsOf(env);
    const host = request.headers.get('host');
    const canonical = canonicalRequest(request.method, request.url, host);
    // The management surface answers malformed targets on its hosts itself.
    const name = canonical.ok ? canonical.request.host : canonicalAuthority(host ?? '')?.host;
    if (name !== undefined && isAdminHost(deps.config.adminHosts, name))
      return apiOf(deps, env).fetch(request, env, context);
    const { gateway } = gatewayOf(deps, env);
    return canonical.ok
      ? gateway.fetch(request, canonical.request, context)
      : gateway.refuseTarget(request, canonical.fault);
  },

  async queue(batch, env) {
    const { ingest, indexing, work, faults, logs } = depsOf(env);
    switch (batch.queue) {
      case 'orasi-ingest':
        return await consumeIngest(batch.messages, { ingest, faults, log: logs('ingest') });
      case 'orasi-ingest-dlq':
        return await consumeDeadIngest(batch.messages, { ingest, log: logs('ingest') });
      case 'orasi-index':
        return await consumeIndex(batch.messages, { indexing, log: logs('indexing') });
      case 'orasi-tasks':
        return await consumeTasks(batch.messages, { work, log: logs('work') });
      case 'orasi-tasks-dlq':
        return await consumeDeadHints(batch.messages, { log: logs('work') });
      case 'orasi-index-dlq':
        return await consumeDeadHints(batch.messages, { log: logs('indexing') });
    }
  },

  async scheduled(event, env) {
    const { ingest, indexing, control, watched } = depsOf(env);
    await indexing.reconcileAll();
    await ingest.sweep({ restarted: event.cron === AFTER_RESTART });
    await control.tick();
    await watched.tickNext();
  },
} satisfies ExportedHandler<Cloudflare.Env>;

function gatewayOf(deps: Deps, env: Cloudflare.Env): CreatedGateway {
  const present = gateways.get(deps);
  if (present !== undefined) return present;
  const { config, logs } = deps;
  const gateway = createGateway({
    readFile: async (key) => {
      const object = await env.BUCKET.get(key);
      return object === null ? null : new Uint8Array(await object.arrayBuffer());
    },
    monitor: () => env.UPSTREAM_MONITOR.getByName(UPSTREAM_MONITOR_NAME),
    origin: { fetch: (url, init) => fetch(url, init) },
    limiter: (name) => env.RATE_LIMITER.getByName(name),
    edge: (binding) => {
      const bindings = env as unknown as Readonly<Record<string, RateLimit | undefined>>;
      return edgeTiersIn([binding]).length === 1 ? bindings[binding] : undefined;
    },
    socketPair: () => {
      const { 0: client, 1: own } = new WebSocketPair();
      return { client, own };
    },
    timer: systemTimer,
    upstreamAllow: config.upstreamAllow,
    upstreamBindings: config.upstreamBindings,
    binding: (name) => (env as unknown as Readonly<Record<string, unknown>>)[name],
    bucket: env.BUCKET,
    sessionKey: keysFrom(deps.config)[0],
    secrets: policySecrets(keysFrom(config)),
    platformKey: async (token) => {
      const subject = await deps.authenticator.authenticate(token);
      return subject?.kind === 'api-key' ? subject : null;
    },
    trustedProxies: config.trustedProxies,
    metricsHub: (name) => env.METRICS_HUB.getByName(name),
    metricsFlushMs: config.metricsFlushMs,
    // Lines that would be thrown away are not made.
    accessLog: isLogged(config.logLevels, 'access', 'info') ? config.accessLog : { ...config.accessLog, share: 0 },
    traceShare: config.traceShare,
    reporter: reporterOf(deps),
    clock: systemClock,
    random: systemRandom,
    logs,
  });
  gateways.set(deps, gateway);
  return gateway;
}

function reporterOf({ config }: Deps): ApiBase['reporter'] {
  return (waitUntil) =>
    config.sentryDsn === undefined ? silentReporter : sentryReporter(config.sentryDsn, waitUntil, config.version);
}

function apiOf(deps: Deps, env: Cloudflare.Env): ApiApp {
  const present = apis.get(deps);
  if (present !== undefined) return present;
  const { config } = deps;
  const api = createApi({
    base: {
      config,
      authorize,
      clock: systemClock,
      random: systemRandom,
      logs: deps.logs,
      reporter: reporterOf(deps),
      authenticate: (token, now) => deps.authenticator.authenticate(token, now),
      namespaceUid: async (name) => {
        const uid = await deps.control.namespaceUid(name);
        if (uid === null) throw new OrasiError('not_found', `there is no namespace "${name}"`);
        return uid;
      },
      health: () => checkHealth(deps),
    },
    store: deps.store,
    catalog: deps.catalog,
    ingest: deps.ingest,
    queries: deps.queries,
    admission: deps.admission,
    keys: deps.keys,
    endSockets: (owner, namespaceUid) => deps.watched.revoked(owner, namespaceUid),
    controlPlane: deps.control,
    taskQueue: deps.taskQueue,
    queues: deps.queues,
    fence: async (namespaceUid, cluster, epoch) => {
      const { epoch: presentEpoch } = await (await deps.cluster(`${namespaceUid}/${cluster}`)).leader();
      return { cluster, epoch, presentEpoch };
    },
    cluster: deps.cluster,
    clusterBackups: deps.clusterBackups,
    services: deps.services,
    upstreamMonitor: () => env.UPSTREAM_MONITOR.getByName(UPSTREAM_MONITOR_NAME),
    rateLimiter: (name) => env.RATE_LIMITER.getByName(name),
    explain: (request, waitUntil) => gatewayOf(deps, env).explain(request, waitUntil),
    metrics: {
      hubs: () => Promise.all(METRICS_HUB_NAMES.map((name) => env.METRICS_HUB.getByName(name).read())),
      listenerExpiries: () => deps.control.listenerExpiries(),
      checkDelays: () => env.UPSTREAM_MONITOR.getByName(UPSTREAM_MONITOR_NAME).checkDelays(),
    },
  });
  apis.set(deps, api);
  return api;
}
