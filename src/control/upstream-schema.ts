import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { BALANCE_STRATEGIES, RETRY_CONDITIONS } from '../core/protocol/upstream.ts';
import { UPSTREAM_DEFAULTS as usual } from './upstream-defaults.ts';

const ATOMIC = { 'x-kubernetes-list-type': 'atomic' };
const DAY_SECONDS = 86_400;

/** `spec` of an `Upstream`. */
export function upstreamSchema() {
  return z.object({
    endpoints: z
      .array(
        z.object({
          address: z.string().min(1).max(1_024).describe('An origin: `https://10.0.0.1:8443`.'),
          weight: z.int().min(0).max(1_000_000).default(1).describe('Its share beside the others; 0 gets nothing.'),
          zone: z.string().min(1).max(128).optional(),
          draining: z.boolean().default(false).describe('Gets no new requests but those of sessions that it has.'),
        }),
      )
      .min(1)
      .max(1_000)
      .optional()
      .meta(ATOMIC),
    discovery: discovery().optional().describe('Endpoints are the instances of a service.'),
    serviceBinding: z
      .object({ name: z.string().min(1).max(128).describe('Of a binding that UPSTREAM_BINDINGS names.') })
      .optional()
      .describe('Another Worker of the account.'),
    r2: z
      .object({
        bucket: z
          .string()
          .min(1)
          .max(128)
          .optional()
          .describe(
            'A binding that UPSTREAM_BINDINGS names; else the platform’s bucket under `public/{uid of the namespace}/`.',
          ),
        prefix: z.string().max(512).default('').describe('Stands before the path of a request.'),
        indexDocument: z.string().max(255).default(usual.indexDocument).describe('Read for a path that ends in `/`.'),
      })
      .optional()
      .describe('Objects of a bucket, to be read.'),
    loadBalancer: balancer(),
    healthCheck: healthCheck().optional().describe('Each endpoint is asked on a schedule. Without it none is.'),
    circuitBreaker: breaker().optional(),
    outlierDetection: outliers().optional().describe('An endpoint that fails is left out for a while.'),
    retry: retry().optional().describe('Where the route says nothing of retries. Without it nothing is repeated.'),
    timeouts: z
      .object({
        requestSeconds: seconds(usual.requestSeconds).describe('To the head of the answer, repetitions included.'),
        trySeconds: seconds(usual.trySeconds).describe('Of each try, to the head of its answer.'),
        idleSeconds: seconds(usual.idleSeconds).describe('Between two pieces of a body.'),
      })
      .prefault({})
      .describe('0: none.'),
    bulkhead: z
      .object({
        maxInFlight: z.int().min(1).max(100_000).describe('Requests under way at a time, in each isolate.'),
        maxQueued: z.int().min(0).max(10_000).default(usual.maxQueued).describe('Requests that wait for a place.'),
        queueTimeoutMs: z.int().min(1).max(60_000).default(usual.queueTimeoutMs).describe('The longest such wait.'),
      })
      .optional(),
    sessionPersistence: session().optional().describe('Where the route says nothing of it.'),
  });
}

function discovery() {
  return z.object({
    backend: z
      .enum(['cluster', 'members', 'etcd', 'consul'])
      .default('cluster')
      .describe('A service of a cluster, the members of a cluster, or a service in a registry named here.'),
    cluster: z.string().min(1).max(63).default(usual.cluster),
    service: z.string().min(1).max(128).optional().describe('Of all but `members`.'),
    etcd: z
      .object({
        endpoints: z.array(z.string().min(1).max(1_024)).min(1).max(16).meta(ATOMIC),
        prefix: z.string().min(1).max(256).optional().describe('Begins every key; ends in a slash.'),
      })
      .optional(),
    consul: z.object({ address: z.string().min(1).max(1_024) }).optional(),
    secretName: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe('A Secret of the namespace: its entry `token` for Consul, `username` and `password` for etcd.'),
    scheme: z.enum(['http', 'https']).default('http').describe('Where the instance’s metadata `scheme` does not say.'),
    intervalSeconds: z
      .number()
      .min(1)
      .max(3_600)
      .default(usual.discoveryIntervalSeconds)
      .describe('How often the registry is asked.'),
  });
}

function balancer() {
  return z
    .object({
      strategy: z.enum(BALANCE_STRATEGIES).default(usual.strategy),
      slowStartSeconds: seconds(0).describe('An endpoint that is new comes to its share over this time.'),
      panicThresholdPercent: percent(usual.panicThresholdPercent).describe(
        'Where fewer endpoints than this are available, all are called but those whose breaker is open; 0: never.',
      ),
      zones: z
        .object({
          own: z.enum(['colo', 'country', 'continent']).optional().describe('Which zone is the request’s own.'),
          preferred: z.array(z.string().min(1).max(128)).max(32).default([]).meta(ATOMIC).describe('First to last.'),
          minimumAvailablePercent: percent(usual.zoneAvailablePercent).describe(
            'A zone is kept to while so many of its endpoints are available.',
          ),
        })
        .optional(),
    })
    .prefault({});
}

function healthCheck() {
  const status = z.int().min(100).max(599);
  return z.object({
    path: z.string().min(1).max(1_024).default(usual.healthPath),
    method: z.enum(['GET', 'HEAD']).default('GET'),
    host: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe('Told as X-Forwarded-Host; the platform sends the endpoint’s own Host.'),
    intervalSeconds: z.number().min(1).max(3_600).default(usual.healthIntervalSeconds),
    timeoutSeconds: z.number().min(0.1).max(60).default(usual.healthTimeoutSeconds),
    unhealthyThreshold: z.int().min(1).max(100).default(usual.unhealthyThreshold).describe('Failures in a row.'),
    healthyThreshold: z.int().min(1).max(100).default(usual.healthyThreshold).describe('Successes in a row.'),
    expectedStatuses: z
      .array(z.object({ from: status, to: status }))
      .min(1)
      .max(16)
      .default([{ from: 200, to: 299 }])
      .meta(ATOMIC),
    expectedBody: z.string().min(1).max(1_024).optional().describe('Is to be found in the first 64 KiB of the body.'),
  });
}

function breaker() {
  return z.object({
    failureThreshold: z
      .int()
      .min(0)
      .max(100_000)
      .default(usual.failureThreshold)
      .describe('Failures in a row that open it; 0: they do not.'),
    errorRatio: z
      .object({
        percent: z.number().gt(0).max(100).default(usual.errorRatioPercent),
        minimumRequests: z.int().min(1).max(1_000_000).default(usual.errorRatioMinimumRequests),
        windowSeconds: z.number().min(1).max(600).default(usual.errorRatioWindowSeconds),
      })
      .optional()
      .describe('Opens it too where so many of the requests of a window fail.'),
    recoverySeconds: z.number().min(0.1).max(DAY_SECONDS).default(usual.recoverySeconds),
    halfOpenMaxRequests: z
      .int()
      .min(1)
      .max(1_000)
      .default(usual.halfOpenMaxRequests)
      .describe('Requests let through to see whether it may close; all must succeed.'),
    gradualRecoverySeconds: seconds(usual.gradualRecoverySeconds).describe(
      'After it has closed, the share of requests let through rises over this time.',
    ),
    perEndpoint: z.boolean().default(true).describe('Each endpoint has one beside the upstream’s.'),
  });
}

function outliers() {
  const count = z.int().min(0).max(100_000);
  return z.object({
    consecutive5xx: count.default(usual.consecutive5xx).describe('0: they do not count.'),
    consecutiveGatewayErrors: count
      .default(usual.consecutiveGatewayErrors)
      .describe('502, 503, 504, no connection, no answer in time. 0: they do not count.'),
    failurePercentage: z
      .object({
        percent: z.number().gt(0).max(100).default(usual.outlierPercent),
        minimumRequests: z.int().min(1).max(1_000_000).default(usual.outlierMinimumRequests),
        minimumEndpoints: z.int().min(1).max(1_000).default(usual.outlierMinimumEndpoints),
      })
      .optional(),
    intervalSeconds: z.number().min(1).max(600).default(usual.outlierIntervalSeconds),
    baseEjectionSeconds: z.number().min(1).max(DAY_SECONDS).default(usual.baseEjectionSeconds),
    maxEjectionSeconds: z.number().min(1).max(DAY_SECONDS).default(usual.maxEjectionSeconds),
    maxEjectionPercent: percent(usual.maxEjectionPercent),
  });
}

function retry() {
  return z.object({
    attempts: z
      .int()
      .min(1)
      .max(LIMITS.retryAttempts)
      .default(usual.retryAttempts)
      .describe('Repetitions after the first try.'),
    on: z
      .array(z.enum(RETRY_CONDITIONS))
      .max(RETRY_CONDITIONS.length)
      .default([...usual.retryOn])
      .meta(ATOMIC),
    statuses: z.array(z.int().min(400).max(599)).max(50).default([]).meta(ATOMIC).describe('Beside the conditions.'),
    backoffMs: z.int().min(1).max(60_000).default(usual.backoffMs).describe('The longest first pause; it doubles.'),
    maxBackoffMs: z.int().min(1).max(60_000).default(usual.maxBackoffMs),
    budget: z
      .object({
        percent: percent(usual.budgetPercent).describe('Of the requests under way in the isolate.'),
        minimum: z.int().min(0).max(1_000).default(usual.budgetMinimum).describe('So many may always be repeated.'),
      })
      .prefault({}),
  });
}

function session() {
  return z.object({
    type: z.enum(['Cookie', 'Header']).default('Cookie'),
    sessionName: z
      .string()
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/)
      .max(128)
      .default(usual.sessionName),
    absoluteTimeoutSeconds: z
      .int()
      .min(0)
      .max(366 * DAY_SECONDS)
      .default(0)
      .describe('0: as long as the client keeps it.'),
    idleTimeoutSeconds: z
      .int()
      .min(0)
      .max(366 * DAY_SECONDS)
      .default(usual.sessionIdleSeconds)
      .describe('0: none.'),
    cookieLifetime: z.enum(['Session', 'Permanent']).default('Session'),
  });
}

function seconds(usually: number) {
  return z.number().min(0).max(DAY_SECONDS).default(usually);
}

function percent(usually: number) {
  return z.number().min(0).max(100).default(usually);
}
