import { join } from 'node:path';
import { convertV4MiniflareOptions, Log, LogLevel, type Miniflare, type V4WorkerOptions } from 'miniflare';
import {
  unstable_readConfig as readWranglerConfig,
  unstable_getMiniflareWorkerOptions as workerOptionsOf,
} from 'wrangler';
import type { Bundle } from './bundle.ts';
import { runtimeEnvironment } from './runtime-settings.ts';
import type { StateFolder } from './state-folder.ts';

/** What an instance has beyond the deployment it runs. */
export interface PlatformSettings {
  /** The folder of wrangler.toml. */
  readonly root: string;
  readonly folder: StateFolder;
  readonly bundle: Bundle;
  /** Vars and secrets in place of wrangler.toml's, or beyond them. */
  readonly vars: Readonly<Record<string, string>>;
  readonly port: number;
  readonly tls: { readonly key: string; readonly certificate: string } | undefined;
  readonly queueBatchTimeoutSeconds: number | undefined;
  /** Workers of the same bundle beside the first, with isolates of their own and the first one's Durable Objects. */
  readonly gateways: number;
  readonly log: (line: string) => void;
  /** Called when a runtime that died by itself runs again. */
  readonly onRestart: () => void;
}

/** Miniflare's options, derived from wrangler.toml: nothing about the deployment is said twice. */
export function platformOptions(given: PlatformSettings): ConstructorParameters<typeof Miniflare>[0] {
  const { root, folder, bundle, vars, port, tls, log } = given;
  const config = readWranglerConfig({ config: join(root, 'wrangler.toml') });
  const workerOptions = deriveQuietly(config);
  const name = config.name ?? 'worker';
  const worker: V4WorkerOptions = {
    ...workerOptions,
    // Without what wrangler would read from .dev.vars: an instance depends on what its caller says alone.
    bindings: { ...config.vars, ...vars },
    // Local data outlives the id that setting up an account writes into wrangler.toml.
    d1Databases: Object.fromEntries(
      config.d1_databases.map((database: { binding: string; database_name?: string }) => [
        database.binding,
        database.database_name ?? database.binding,
      ]),
    ),
    modulesRoot: bundle.folder,
    modules: bundle.modules.map((module) => ({ ...module })),
    modulesRules: undefined,
  };
  return convertV4MiniflareOptions({
    host: '127.0.0.1',
    // Over HTTP the Worker answers on a direct socket; Miniflare's own entry is then only for this process.
    port: tls === undefined ? 0 : port,
    httpsKey: tls?.key,
    httpsCert: tls?.certificate,
    cf: false,
    inspectorPort: undefined,
    log: new PlatformLog(log),
    handleStructuredLogs: ({ message }) => log(message),
    unsafeHandleRuntimeRestart: given.onRestart,
    unsafeRuntimeEnv: runtimeEnvironment(folder.pidFile),
    unsafeTriggerHandlers: false,
    unsafeLocalExplorer: false,
    telemetry: { enabled: false },
    resourcePersistencePath: folder.data,
    resourceTmpPath: folder.scratch,
    workers: [
      {
        ...worker,
        name,
        queueConsumers: consumersOf(workerOptions, given.queueBatchTimeoutSeconds),
        unsafeDirectSockets: tls === undefined ? [{ host: '127.0.0.1', port }] : [],
      },
      ...Array.from({ length: given.gateways }, (_, at) => ({
        ...worker,
        name: gatewayWorkerName(at),
        durableObjects: objectsOf(workerOptions, name),
        queueConsumers: undefined,
        unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
      })),
    ],
  });
}

/** The name of a Worker beside the first, from 0. */
export function gatewayWorkerName(at: number): string {
  return `gateway-${at}`;
}

/** The Durable Objects of another Worker under the same bindings. */
function objectsOf(workerOptions: Partial<V4WorkerOptions>, scriptName: string): V4WorkerOptions['durableObjects'] {
  return Object.fromEntries(
    Object.entries(workerOptions.durableObjects ?? {}).map(([binding, object]) => [
      binding,
      { ...(typeof object === 'string' ? { className: object } : object), scriptName },
    ]),
  );
}

/** The consumers as wrangler.toml has them, with another batch time-out where one is given. */
function consumersOf(
  workerOptions: Partial<V4WorkerOptions>,
  maxBatchTimeout: number | undefined,
): V4WorkerOptions['queueConsumers'] {
  const consumers = workerOptions.queueConsumers;
  if (maxBatchTimeout === undefined || consumers === undefined || Array.isArray(consumers)) return consumers;
  return Object.fromEntries(
    Object.entries(consumers).map(([queue, consumer]) => [
      queue,
      { ...(typeof consumer === 'object' ? consumer : {}), maxBatchTimeout },
    ]),
  );
}

/** Wrangler's translation of a configuration, without its warnings on secrets, which an instance brings itself. */
function deriveQuietly(config: ReturnType<typeof readWranglerConfig>): Partial<V4WorkerOptions> {
  const level = process.env['WRANGLER_LOG'];
  process.env['WRANGLER_LOG'] = 'none';
  try {
    return workerOptionsOf(config).workerOptions as Partial<V4WorkerOptions>;
  } finally {
    if (level === undefined) delete process.env['WRANGLER_LOG'];
    else process.env['WRANGLER_LOG'] = level;
  }
}

/** Miniflare's own messages: warnings and errors only, in the same stream as the Worker's. */
class PlatformLog extends Log {
  readonly #log: (line: string) => void;

  constructor(log: (line: string) => void) {
    super(LogLevel.WARN);
    this.#log = log;
  }

  override log(message: string): void {
    this.#log(message);
  }
}
