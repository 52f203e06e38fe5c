import type { AddressBlock } from '../core/address-blocks.ts';
import { outboundFault, urlFault } from '../core/outbound.ts';
import type { CompiledSession } from '../core/protocol/gateway.ts';
import {
  BALANCE_STRATEGIES,
  type CompiledBalancer,
  type CompiledBreaker,
  type CompiledDiscovery,
  type CompiledEndpoint,
  type CompiledHealthCheck,
  type CompiledOutliers,
  type CompiledUpstream,
  type CompiledUpstreamRetry,
  mayBind,
  RETRY_CONDITIONS,
  type UpstreamSource,
} from '../core/protocol/upstream.ts';
import { isJsonObject, type JsonObject, type JsonValue, numberIn, objectIn, objectsIn, textsIn } from './json.ts';
import type { AdmissionRules } from './kind.ts';
import type { Resource } from './resource.ts';
import { type Cause, duplicate, forbiddenField, invalidValue, required } from './status.ts';
import { UPSTREAM_DEFAULTS as usual } from './upstream-defaults.ts';

/** A validated `Upstream` as the data plane reads it. */
export function compileUpstream(upstream: Resource, namespaceUid: string): CompiledUpstream {
  const spec = objectIn(upstream.spec);
  const { requestSeconds, trySeconds, idleSeconds } = objectIn(spec.timeouts);
  return {
    namespace: upstream.metadata.namespace ?? '',
    namespaceUid,
    name: upstream.metadata.name,
    source: sourceOf(spec),
    endpoints: objectsIn(spec.endpoints).map(endpointOf),
    loadBalancer: balancerOf(objectIn(spec.loadBalancer)),
    healthCheck: isJsonObject(spec.healthCheck) ? healthCheckOf(spec.healthCheck) : null,
    circuitBreaker: isJsonObject(spec.circuitBreaker) ? breakerOf(spec.circuitBreaker) : null,
    outlierDetection: isJsonObject(spec.outlierDetection) ? outliersOf(spec.outlierDetection) : null,
    retry: isJsonObject(spec.retry) ? retryOf(spec.retry) : null,
    timeouts: {
      requestMs: milliseconds(requestSeconds, usual.requestSeconds),
      tryMs: milliseconds(trySeconds, usual.trySeconds),
      idleMs: milliseconds(idleSeconds, usual.idleSeconds),
    },
    bulkhead: isJsonObject(spec.bulkhead)
      ? {
          maxInFlight: numberIn(spec.bulkhead.maxInFlight, 1),
          maxQueued: numberIn(spec.bulkhead.maxQueued, usual.maxQueued),
          queueTimeoutMs: numberIn(spec.bulkhead.queueTimeoutMs, usual.queueTimeoutMs),
        }
      : null,
    sessionPersistence: isJsonObject(spec.sessionPersistence) ? sessionOf(spec.sessionPersistence) : null,
  };
}

/**
 * Faults of an upstream that its schema cannot express, and of what it names that the deployment does not let it.
 */
export function upstreamFaults(upstream: Resource, rules: AdmissionRules): Cause[] {
  const allowed = rules.upstreamAllow;
  const spec = objectIn(upstream.spec);
  const causes: Cause[] = [];
  const sources = ['endpoints', 'discovery', 'serviceBinding', 'r2'].filter((name) => spec[name] !== undefined);
  if (sources.length === 0) causes.push(required('spec.endpoints', 'or discovery, serviceBinding, r2'));
  for (const name of sources.slice(1)) {
    causes.push(forbiddenField(`spec.${name}`, `there is spec.${sources[0]} already, and an upstream has one source`));
  }
  causes.push(...endpointFaults(objectsIn(spec.endpoints), allowed));
  if (isJsonObject(spec.discovery)) causes.push(...discoveryFaults(spec.discovery, allowed));
  const compiled = compileUpstream(upstream, '');
  causes.push(...bindingFaults(compiled, rules));
  const probed = compiled.source.type === 'static' || compiled.source.type === 'discovery';
  if (!probed && compiled.healthCheck !== null) {
    causes.push(forbiddenField('spec.healthCheck', `${compiled.source.type} has no endpoints to ask`));
  }
  const { healthCheck, circuitBreaker, outlierDetection, retry, sessionPersistence } = compiled;
  if (healthCheck !== null) causes.push(...healthCheckFaults(healthCheck));
  if (circuitBreaker !== null && circuitBreaker.failureThreshold === 0 && circuitBreaker.errorRatio === null) {
    const rule = 'must not be 0 without spec.circuitBreaker.errorRatio: nothing would open the breaker';
    causes.push(invalidValue('spec.circuitBreaker.failureThreshold', 0, rule));
  }
  if (outlierDetection !== null && outlierDetection.maxEjectionMs < outlierDetection.baseEjectionMs) {
    const rule = 'must not be less than spec.outlierDetection.baseEjectionSeconds';
    causes.push(invalidValue('spec.outlierDetection.maxEjectionSeconds', outlierDetection.maxEjectionMs / 1_000, rule));
  }
  if (retry !== null && retry.maxBackoffMs < retry.backoffMs) {
    const rule = 'must not be less than spec.retry.backoffMs';
    causes.push(invalidValue('spec.retry.maxBackoffMs', retry.maxBackoffMs, rule));
  }
  if (
    sessionPersistence?.type === 'Cookie' &&
    sessionPersistence.cookieLifetime === 'Permanent' &&
    sessionPersistence.absoluteTimeoutMs === 0
  ) {
    causes.push(required('spec.sessionPersistence.absoluteTimeoutSeconds', 'when cookieLifetime is Permanent'));
  }
  return causes;
}

/** Bindings are the deployment's, and it says which an upstream may use. */
function bindingFaults({ source, namespace }: CompiledUpstream, { upstreamBindings }: AdmissionRules): Cause[] {
  const binding = source.type === 'serviceBinding' || source.type === 'r2' ? source.binding : null;
  if (binding === null || mayBind(upstreamBindings, namespace, binding)) return [];
  const path = source.type === 'r2' ? 'spec.r2.bucket' : 'spec.serviceBinding.name';
  return [invalidValue(path, binding, 'must be a binding that UPSTREAM_BINDINGS names for this namespace')];
}

function endpointFaults(endpoints: readonly JsonObject[], allowed: readonly AddressBlock[]): Cause[] {
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const [at, { address }] of endpoints.entries()) {
    const path = `spec.endpoints[${at}].address`;
    const fault = originFault(String(address)) ?? outboundFault(String(address), allowed);
    if (fault !== null) {
      causes.push(invalidValue(path, address, fault));
      continue;
    }
    const origin = originOf(String(address));
    if (seen.has(origin)) causes.push(duplicate(path, address));
    seen.add(origin);
  }
  return causes;
}

function discoveryFaults(discovery: JsonObject, allowed: readonly AddressBlock[]): Cause[] {
  const causes: Cause[] = [];
  const { backend, service, etcd, consul, secretName } = compileDiscoverySource(discovery);
  if (backend === 'members' && service !== '') {
    causes.push(
      forbiddenField('spec.discovery.service', 'members are the members of the cluster, whatever they offer'),
    );
  }
  if (backend !== 'members' && service === '') causes.push(required('spec.discovery.service'));
  if (secretName !== null && backend !== 'etcd' && backend !== 'consul') {
    causes.push(forbiddenField('spec.discovery.secretName', 'a cluster of the namespace asks for none'));
  }
  if (backend === 'etcd' && etcd === null) causes.push(required('spec.discovery.etcd'));
  if (backend === 'consul' && consul === null) causes.push(required('spec.discovery.consul'));
  const addresses = [
    ...(etcd?.endpoints ?? []).map((url, at) => [`spec.discovery.etcd.endpoints[${at}]`, url] as const),
    ...(consul === null ? [] : [['spec.discovery.consul.address', consul.address] as const]),
  ];
  for (const [path, url] of addresses) {
    const fault = outboundFault(url, allowed);
    if (fault !== null) causes.push(invalidValue(path, url, fault));
  }
  const prefix = etcd?.prefix ?? null;
  if (prefix !== null && !prefix.endsWith('/')) {
    causes.push(invalidValue('spec.discovery.etcd.prefix', prefix, 'must end in a slash'));
  }
  return causes;
}

function healthCheckFaults({
  path,
  timeoutMs,
  intervalMs,
  expectedStatuses,
  expectedBody,
  method,
}: CompiledHealthCheck) {
  const causes: Cause[] = [];
  if (!path.startsWith('/')) causes.push(invalidValue('spec.healthCheck.path', path, 'must begin with a slash'));
  if (timeoutMs > intervalMs) {
    const rule = 'must not be more than spec.healthCheck.intervalSeconds';
    causes.push(invalidValue('spec.healthCheck.timeoutSeconds', timeoutMs / 1_000, rule));
  }
  for (const [at, { from, to }] of expectedStatuses.entries()) {
    if (to < from)
      causes.push(invalidValue(`spec.healthCheck.expectedStatuses[${at}].to`, to, 'must not be less than from'));
  }
  if (expectedBody !== null && method === 'HEAD') {
    causes.push(forbiddenField('spec.healthCheck.expectedBody', 'an answer to HEAD has no body'));
  }
  return causes;
}

/** Why an address is no origin, or null. */
function originFault(address: string): string | null {
  const fault = urlFault(address);
  if (fault !== null) return fault;
  const { pathname, search, hash } = new URL(address);
  return pathname === '/' && search === '' && hash === '' ? null : 'expected an origin, without a path';
}

/** One spelling of an origin, without a slash at its end; what is none stays as it is, and is refused elsewhere. */
function originOf(address: string): string {
  return URL.canParse(address) ? new URL(address).origin : address;
}

function endpointOf({ address, weight, zone, draining }: JsonObject): CompiledEndpoint {
  return {
    address: originOf(String(address)),
    weight: numberIn(weight, 1),
    zone: typeof zone === 'string' ? zone : null,
    draining: draining === true,
  };
}

function sourceOf(spec: JsonObject): UpstreamSource {
  if (isJsonObject(spec.discovery)) return compileDiscoverySource(spec.discovery);
  if (isJsonObject(spec.serviceBinding)) return { type: 'serviceBinding', binding: String(spec.serviceBinding.name) };
  if (isJsonObject(spec.r2)) {
    const { bucket, prefix, indexDocument } = spec.r2;
    const text = typeof prefix === 'string' ? prefix.replace(/^\/+/, '') : '';
    return {
      type: 'r2',
      binding: typeof bucket === 'string' ? bucket : null,
      prefix: text === '' || text.endsWith('/') ? text : `${text}/`,
      indexDocument: typeof indexDocument === 'string' ? indexDocument : usual.indexDocument,
    };
  }
  return { type: 'static' };
}

function compileDiscoverySource({
  backend,
  cluster,
  service,
  etcd,
  consul,
  secretName,
  scheme,
  intervalSeconds,
}: JsonObject): CompiledDiscovery {
  return {
    type: 'discovery',
    backend: backend === 'members' || backend === 'etcd' || backend === 'consul' ? backend : 'cluster',
    cluster: typeof cluster === 'string' ? cluster : usual.cluster,
    service: typeof service === 'string' ? service : '',
    etcd: isJsonObject(etcd)
      ? { endpoints: textsIn(etcd.endpoints), prefix: typeof etcd.prefix === 'string' ? etcd.prefix : null }
      : null,
    consul: isJsonObject(consul) ? { address: String(consul.address) } : null,
    secretName: typeof secretName === 'string' ? secretName : null,
    scheme: scheme === 'https' ? 'https' : 'http',
    intervalMs: milliseconds(intervalSeconds, usual.discoveryIntervalSeconds),
  };
}

function balancerOf({ strategy, slowStartSeconds, panicThresholdPercent, zones }: JsonObject): CompiledBalancer {
  const { own, preferred, minimumAvailablePercent } = objectIn(zones);
  return {
    strategy: BALANCE_STRATEGIES.find((name) => name === strategy) ?? usual.strategy,
    slowStartMs: milliseconds(slowStartSeconds, 0),
    panicThreshold: share(panicThresholdPercent, usual.panicThresholdPercent),
    zones: {
      own: own === 'colo' || own === 'country' || own === 'continent' ? own : null,
      preferred: textsIn(preferred),
      minimumAvailable: share(minimumAvailablePercent, usual.zoneAvailablePercent),
    },
  };
}

function healthCheckOf(spec: JsonObject): CompiledHealthCheck {
  const statuses = objectsIn(spec.expectedStatuses).map(({ from, to }) => ({
    from: numberIn(from, 200),
    to: numberIn(to, 299),
  }));
  return {
    path: typeof spec.path === 'string' ? spec.path : usual.healthPath,
    method: spec.method === 'HEAD' ? 'HEAD' : 'GET',
    host: typeof spec.host === 'string' ? spec.host : null,
    intervalMs: milliseconds(spec.intervalSeconds, usual.healthIntervalSeconds),
    timeoutMs: milliseconds(spec.timeoutSeconds, usual.healthTimeoutSeconds),
    unhealthyThreshold: numberIn(spec.unhealthyThreshold, usual.unhealthyThreshold),
    healthyThreshold: numberIn(spec.healthyThreshold, usual.healthyThreshold),
    expectedStatuses: statuses.length === 0 ? [{ from: 200, to: 299 }] : statuses,
    expectedBody: typeof spec.expectedBody === 'string' ? spec.expectedBody : null,
  };
}

function breakerOf(spec: JsonObject): CompiledBreaker {
  const { errorRatio } = spec;
  return {
    failureThreshold: numberIn(spec.failureThreshold, usual.failureThreshold),
    errorRatio: isJsonObject(errorRatio)
      ? {
          threshold: share(errorRatio.percent, usual.errorRatioPercent),
          minimumRequests: numberIn(errorRatio.minimumRequests, usual.errorRatioMinimumRequests),
          windowMs: milliseconds(errorRatio.windowSeconds, usual.errorRatioWindowSeconds),
        }
      : null,
    recoveryMs: milliseconds(spec.recoverySeconds, usual.recoverySeconds),
    halfOpenMaxRequests: numberIn(spec.halfOpenMaxRequests, usual.halfOpenMaxRequests),
    gradualRecoveryMs: milliseconds(spec.gradualRecoverySeconds, usual.gradualRecoverySeconds),
    perEndpoint: spec.perEndpoint !== false,
  };
}

function outliersOf(spec: JsonObject): CompiledOutliers {
  const { failurePercentage } = spec;
  return {
    consecutive5xx: numberIn(spec.consecutive5xx, usual.consecutive5xx),
    consecutiveGatewayErrors: numberIn(spec.consecutiveGatewayErrors, usual.consecutiveGatewayErrors),
    failurePercentage: isJsonObject(failurePercentage)
      ? {
          threshold: share(failurePercentage.percent, usual.outlierPercent),
          minimumRequests: numberIn(failurePercentage.minimumRequests, usual.outlierMinimumRequests),
          minimumEndpoints: numberIn(failurePercentage.minimumEndpoints, usual.outlierMinimumEndpoints),
        }
      : null,
    intervalMs: milliseconds(spec.intervalSeconds, usual.outlierIntervalSeconds),
    baseEjectionMs: milliseconds(spec.baseEjectionSeconds, usual.baseEjectionSeconds),
    maxEjectionMs: milliseconds(spec.maxEjectionSeconds, usual.maxEjectionSeconds),
    maxEjected: share(spec.maxEjectionPercent, usual.maxEjectionPercent),
  };
}

function retryOf(spec: JsonObject): CompiledUpstreamRetry {
  const { percent, minimum } = objectIn(spec.budget);
  const conditions = textsIn(spec.on);
  return {
    attempts: numberIn(spec.attempts, usual.retryAttempts),
    on: spec.on === undefined ? usual.retryOn : RETRY_CONDITIONS.filter((name) => conditions.includes(name)),
    statuses: Array.isArray(spec.statuses) ? spec.statuses.filter((status) => typeof status === 'number') : [],
    backoffMs: numberIn(spec.backoffMs, usual.backoffMs),
    maxBackoffMs: numberIn(spec.maxBackoffMs, usual.maxBackoffMs),
    budget: { share: share(percent, usual.budgetPercent), minimum: numberIn(minimum, usual.budgetMinimum) },
  };
}

function sessionOf(spec: JsonObject): CompiledSession {
  return {
    type: spec.type === 'Header' ? 'Header' : 'Cookie',
    name: typeof spec.sessionName === 'string' ? spec.sessionName : usual.sessionName,
    absoluteTimeoutMs: milliseconds(spec.absoluteTimeoutSeconds, 0),
    idleTimeoutMs: milliseconds(spec.idleTimeoutSeconds, usual.sessionIdleSeconds),
    cookieLifetime: spec.cookieLifetime === 'Permanent' ? 'Permanent' : 'Session',
  };
}

function milliseconds(seconds: JsonValue | undefined, usually: number): number {
  return Math.round(numberIn(seconds, usually) * 1_000);
}

function share(percent: JsonValue | undefined, usually: number): number {
  return numberIn(percent, usually) / 100;
}
