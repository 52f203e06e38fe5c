import { JsonWebKeySets } from '../access/json-web-key-sets.ts';
import type { PolicySecrets } from '../access/policy-secrets.ts';
import { sessionSigner } from '../access/session-signature.ts';
import type { AddressBlock } from '../core/address-blocks.ts';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { AccessLogSettings } from '../core/protocol/access-log.ts';
import { type MetricsHubCalls, metricsHubName } from '../core/protocol/metrics-hub.ts';
import type { RateLimiterCalls } from '../core/protocol/rate-limiter.ts';
import type { UpstreamMonitorCalls } from '../core/protocol/upstream-monitor.ts';
import type { Random } from '../core/random.ts';
import { pause, type Timer } from '../core/timer.ts';
import type { ErrorReporter } from '../observe/error-reporter.ts';
import type { Log } from '../observe/log.ts';
import { nonceObject } from '../traffic/limit/objects.ts';
import { createAccessLog } from './access-log.ts';
import { createAuthentication, type PlatformKey } from './authenticate.ts';
import { createAuthorisation } from './authorise.ts';
import { ControlLink } from './control-link.ts';
import type { EdgeLimiter } from './edge-limits.ts';
import { endpointSender, type Fetcher } from './endpoint.ts';
import { createExplain, type Explain } from './explain.ts';
import type { FilesBucket } from './files.ts';
import { Gateway } from './gateway.ts';
import { GatewayMetrics } from './metrics/gateway-metrics.ts';
import { MetricsFlush } from './metrics/metrics-flush.ts';
import { createObserver } from './observer.ts';
import type { OpenSocketParts } from './open-sockets.ts';
import type { Stages } from './pipeline.ts';
import { createRateLimits } from './rate-limits.ts';
import { addSecurityHeaders } from './security-headers.ts';
import { type ReadFile, Snapshots } from './snapshot.ts';
import { Upstreams } from './upstreams.ts';
import { checkAddress, checkRequest } from './validate.ts';

/** What the gateway stands on, of one isolate. */
export interface GatewayPorts {
  readonly readFile: ReadFile;
  readonly monitor: () => Pick<UpstreamMonitorCalls, 'sync'>;
  readonly origin: Fetcher;
  /** An object that counts, by its name; each call takes a new stub, since one that threw is broken. */
  readonly limiter: (name: string) => RateLimiterCalls;
  /** A tier of the platform's own limits; undefined where the deployment has none of that name. */
  readonly edge: (binding: string) => EdgeLimiter | undefined;
  readonly socketPair: OpenSocketParts['socketPair'];
  readonly timer: Timer;
  readonly upstreamAllow: readonly AddressBlock[];
  readonly upstreamBindings: readonly string[];
  /** A binding of the deployment by its name. */
  readonly binding: (name: string) => unknown;
  readonly bucket: FilesBucket;
  /** What keys of sticky sessions are derived from. */
  readonly sessionKey: Uint8Array;
  /** What compiled policies hold of secrets. */
  readonly secrets: PolicySecrets;
  /** Whose key of the platform a token is; null where it opens nothing. */
  readonly platformKey: (token: string) => Promise<PlatformKey | null>;
  readonly trustedProxies: readonly AddressBlock[];
  /** The object of that name, which adds up what isolates have counted. */
  readonly metricsHub: (name: string) => Pick<MetricsHubCalls, 'take'>;
  readonly metricsFlushMs: number;
  readonly accessLog: AccessLogSettings;
  /** Of the traces that begin here, how many are sampled: from 0 to 1. */
  readonly traceShare: number;
  readonly reporter: (waitUntil: (work: Promise<unknown>) => void) => ErrorReporter;
  readonly clock: Clock;
  readonly random: Random;
  readonly logs: (component: string) => Log;
}

/** The gateway of an isolate, with what others ask of it. */
export interface CreatedGateway {
  readonly gateway: Gateway;
  readonly explain: Explain;
}

/** The data plane with every stage in its place. */
export function createGateway(ports: GatewayPorts): CreatedGateway {
  const { clock, random, logs } = ports;
  const log = logs('gateway');
  const isolate = newId(clock, random);
  const metrics = new GatewayMetrics();
  const readFile: ReadFile = (key) => {
    metrics.storeRead();
    return ports.readFile(key);
  };
  const monitor: GatewayPorts['monitor'] = () => {
    metrics.objectCall('UpstreamMonitor');
    metrics.controlRead();
    return ports.monitor();
  };
  const limiter: GatewayPorts['limiter'] = (name) => {
    metrics.objectCall('RateLimiter');
    return ports.limiter(name);
  };
  const snapshots = new Snapshots(readFile, LIMITS.gatewayShardBytes);
  const upstreams = new Upstreams({
    clock,
    chance: random.next,
    sign: sessionSigner(ports.sessionKey),
    askNow: () => link.askNow(),
  });
  const pauseFor = (ms: number) => pause(ms, ports.timer);
  const flush = new MetricsFlush({
    isolate,
    metrics,
    upstreams,
    hub: () => ports.metricsHub(metricsHubName(isolate)),
    pause: pauseFor,
    flushMs: ports.metricsFlushMs,
    clock,
    log,
  });
  const rateLimits = createRateLimits({
    ...ports,
    limiter,
    newHolder: () => newId(clock, random),
    mostKeys: LIMITS.rateLimitLeases,
  });
  const stages: Stages = {
    addresses: checkAddress,
    validation: checkRequest,
    authentication: createAuthentication({
      clock,
      log,
      secrets: ports.secrets,
      keySets: new JsonWebKeySets({
        fetch: (url, init) => ports.origin.fetch(url, init),
        clock,
        allowed: ports.upstreamAllow,
        pause: pauseFor,
      }),
      platformKey: ports.platformKey,
      firstUse: (namespaceUid, nonce, expiresAtMs) =>
        limiter(nonceObject(namespaceUid, nonce)).firstUse(nonce, expiresAtMs),
    }),
    authorisation: createAuthorisation(log),
    rateLimits,
    upstreams,
    securityHeaders: addSecurityHeaders,
    observer: createObserver({
      metrics,
      flush,
      accessLog: createAccessLog(ports.accessLog, logs('access')),
      traceLog: logs('trace'),
      reporter: ports.reporter,
      clock,
    }),
  };
  const link = new ControlLink({
    isolate,
    snapshots,
    upstreams,
    monitor,
    readFile,
    clock,
    log,
  });
  const send = endpointSender({
    origin: ports.origin,
    allowed: ports.upstreamAllow,
    binding: ports.binding,
    bindings: ports.upstreamBindings,
    bucket: ports.bucket,
  });
  const gateway = new Gateway({
    snapshots,
    link,
    stages,
    send,
    socketPair: ports.socketPair,
    timer: ports.timer,
    trustedProxies: ports.trustedProxies,
    traceShare: ports.traceShare,
    clock,
    random,
    log,
  });
  return { gateway, explain: createExplain({ snapshots, link, stages, rateLimits, upstreams, clock, random }) };
}
