import * as z from 'zod';
import { type AddressBlock, blocksOf } from './core/address-blocks.ts';
import { LIMITS } from './core/limits.ts';
import { type AccessLogSettings, readAccessFields } from './core/protocol/access-log.ts';
import { type LogLevels, parseLogLevels } from './observe/log.ts';

/** What the deployment decides, read from vars and secrets once an isolate, validated and frozen. */
export interface Config {
  readonly version: string;
  /** Hosts of the management surface; `*.` matches one or more labels. Every other host is the gateway's. */
  readonly adminHosts: readonly string[];
  /** The bootstrap token; without one only API keys open the surface. */
  readonly adminToken: string | undefined;
  /** 32 bytes in base64 that secrets are encrypted with; derived from the admin token where absent. */
  readonly encryptionKey: string | undefined;
  readonly logLevels: LogLevels;
  /** The name of the bucket, part of every object id and checked in event notifications. */
  readonly bucketName: string;
  /** Source bytes one invocation takes before it hands over. */
  readonly ingestPartBytes: number;
  /** Private addresses that requests may go to which a resource names: upstreams, webhooks. */
  readonly upstreamAllow: readonly AddressBlock[];
  /** Bindings that upstreams may name: of any namespace `NAME`, of one `namespace/NAME`. */
  readonly upstreamBindings: readonly string[];
  /** Proxies in front whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly AddressBlock[];
  /** How often an isolate of the gateway tells what it has counted. */
  readonly metricsFlushMs: number;
  readonly accessLog: AccessLogSettings;
  /** Of the traces that begin here, how many are sampled: from 0 to 1. */
  readonly traceShare: number;
  readonly sentryDsn: string | undefined;
  /** Where a crash test wants the worker to stop: `name` or `name:n` for the n-th time. Empty in production. */
  readonly faultPoint: string | undefined;
}

/** A var with a reader of its own, which throws where it does not understand. */
const readBy = <T>(read: (text: string) => T) =>
  z
    .string()
    .default('')
    .transform((text, context) => {
      try {
        return read(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
        return z.NEVER;
      }
    });

/** Vars arrive as strings. Unknown ones are other people's and ignored. */
const Vars = z.object({
  ORASI_VERSION: z.string().default('dev'),
  ADMIN_HOSTS: z.string().default('localhost,127.0.0.1,[::1],*.workers.dev'),
  ADMIN_TOKEN: z.string().min(16, 'expected at least 16 characters').optional(),
  ENCRYPTION_KEY: z.base64('expected 32 bytes in base64').optional(),
  LOG_LEVEL: z.string().default('info'),
  BUCKET_NAME: z.string().default('orasi-edge'),
  INGEST_PART_BYTES: z.coerce.number().int().min(64_000).default(LIMITS.ingestPartBytes),
  UPSTREAM_ALLOW_CIDRS: readBy(blocksOf),
  TRUSTED_PROXIES: readBy(blocksOf),
  UPSTREAM_BINDINGS: z
    .string()
    .default('')
    .transform((text) => text.split(/[\s,]+/).filter((name) => name !== '')),
  METRICS_FLUSH_MS: z.coerce.number().int().min(100).max(25_000).default(LIMITS.metricsFlushMs),
  ACCESS_LOG_FIELDS: readBy(readAccessFields),
  ACCESS_LOG_SHARE: z.coerce.number().min(0).max(1).default(1),
  TRACE_SHARE: z.coerce.number().min(0).max(1).default(0),
  SENTRY_DSN: z.string().optional(),
  FAULT_POINT: z.string().optional(),
});

/** Throws an Error that names every var at fault and what was expected of it. */
export function readConfig(vars: Readonly<Record<string, unknown>>): Config {
  const known = Object.keys(Vars.shape).filter((name) => typeof vars[name] === 'string' && vars[name] !== '');
  const parsed = Vars.safeParse(Object.fromEntries(known.map((name) => [name, vars[name]])));
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`the configuration is not valid: ${faults.join('; ')}`);
  }
  const values = parsed.data;
  return Object.freeze({
    version: values.ORASI_VERSION,
    adminHosts: values.ADMIN_HOSTS.split(',').map((host) => host.trim().toLowerCase()),
    adminToken: values.ADMIN_TOKEN,
    encryptionKey: values.ENCRYPTION_KEY,
    logLevels: parseLogLevels(values.LOG_LEVEL),
    bucketName: values.BUCKET_NAME,
    ingestPartBytes: values.INGEST_PART_BYTES,
    upstreamAllow: values.UPSTREAM_ALLOW_CIDRS,
    trustedProxies: values.TRUSTED_PROXIES,
    upstreamBindings: Object.freeze(values.UPSTREAM_BINDINGS),
    metricsFlushMs: values.METRICS_FLUSH_MS,
    accessLog: Object.freeze({ ...values.ACCESS_LOG_FIELDS, share: values.ACCESS_LOG_SHARE }),
    traceShare: values.TRACE_SHARE,
    sentryDsn: values.SENTRY_DSN,
    faultPoint: values.FAULT_POINT,
  });
}

/** Whether a Host header (with or without a port) belongs to the management surface. */
export function isAdminHost(adminHosts: readonly string[], host: string): boolean {
  const name = host.toLowerCase().replace(/:\d+$/, '');
  return adminHosts.some((pattern) =>
    pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1 : name === pattern,
  );
}
