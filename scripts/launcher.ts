import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Miniflare } from 'miniflare';
import { type Bundle, bundleWorker, openBundle, removeBundle } from './launcher/bundle.ts';
import { applyMigrations } from './launcher/migrations.ts';
import { gatewayWorkerName, platformOptions } from './launcher/platform-options.ts';
import { killRuntime, residentMemory } from './launcher/runtime-process.ts';
import { holdV8Flags, useRuntimeWrapper } from './launcher/runtime-settings.ts';
import { readOrCreateSecrets } from './launcher/secrets.ts';
import { takeStateFolder } from './launcher/state-folder.ts';
import { PROJECT_ROOT } from './project-root.ts';

export interface LaunchOptions {
  /** Where everything durable is kept. Default: a temporary folder that `stop` removes. */
  readonly stateDir?: string;
  /** Port on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** Vars and secrets beyond wrangler.toml's, or in their place. */
  readonly vars?: Readonly<Record<string, string>>;
  /**
   * V8 flags of the runtime, such as `--max-old-space-size=64` to cap the JavaScript heap in MB. Typed arrays and
   * wasm memory are outside that cap: watch `memory()` too. Instances of one Node process at a time share their flags.
   */
  readonly v8Flags?: readonly string[];
  /** `every-minute`: at start and then as production's cron does. `on-demand`, the default: `runScheduled` alone. */
  readonly sweep?: 'every-minute' | 'on-demand';
  /** In place of every consumer's `max_batch_timeout`: 0 delivers at once, so that a test need not wait for a batch. */
  readonly queueBatchTimeoutSeconds?: number;
  /** Workers of the same bundle beside the first: isolates of their own on the same Durable Objects. Default: none. */
  readonly gateways?: number;
  /** Key and certificate (PEM): the instance then answers HTTPS only, through a slower path of the local platform. */
  readonly tls?: { readonly key: string; readonly certificate: string };
  /** A bundle made before, by `bundleWorker`. Default: the one `ORASI_BUNDLE` names, else one made for this instance. */
  readonly bundle?: Bundle;
  /**
   * The caller ends the instance on SIGINT, SIGTERM and SIGHUP, by `stop`. Otherwise Miniflare ends the whole process
   * on them, with the exit code of one that was killed.
   */
  readonly callerHandlesSignals?: boolean;
  /** Each line the Worker or the platform logs. They are kept in `logs` as well. */
  readonly onLog?: (line: string) => void;
  /** The folder of wrangler.toml. Default: this project. */
  readonly root?: string;
}

/** A running platform: the Worker on local R2, D1, queues and Durable Objects. */
export interface Instance {
  /** Without a slash at its end: `http://127.0.0.1:8787`. */
  readonly url: string;
  /** Where the Workers beside the first answer. */
  readonly gatewayUrls: readonly string[];
  readonly adminToken: string;
  readonly stateDir: string;
  /** The newest lines logged, at most `LOG_LINES` of them. */
  readonly logs: readonly string[];
  /** The Worker's bindings, reachable from Node: R2, D1, queues. */
  readonly bindings: Env;
  readonly workerdPid: number;
  /** How often the runtime died by itself and was started again. */
  readonly crashes: number;
  /** Requests a path with the admin token, unless `init` carries another `authorization` or an empty one. */
  fetch(path: string, init?: LaunchRequest): Promise<Response>;
  /**
   * Calls the Worker's scheduled handler, as the cron would; `@restart` says that nothing of an earlier run is alive.
   * Throws where the handler did.
   */
  runScheduled(cron?: '* * * * *' | '@restart'): Promise<void>;
  /** Resident memory of the runtime in bytes; null where the system does not tell (it does on Linux). */
  memory(): { nowBytes: number; peakBytes: number } | null;
  /** Takes an object out of memory, as the platform does when it likes; its hibernatable WebSockets sleep on. */
  evict(className: string, name: string): Promise<void>;
  /** Kills the runtime with -9 at this instant, as a crash would; the folder can be launched again at once. */
  kill9(): Promise<void>;
  stop(): Promise<void>;
}

/** `RequestInit` with Node's streaming request bodies. */
export type LaunchRequest = Omit<RequestInit, 'body'> & { body?: unknown };

/** As wrangler.toml has it. */
const WORKER_NAME = 'orasi-edge';

/** What Miniflare's worker stub offers beyond `fetch`; its own types need a package that is not installed. */
interface ScheduledWorker {
  scheduled(options: { cron: string; scheduledTime: Date }): Promise<{ outcome: string }>;
}

const LOG_LINES = 5_000;
const SWEEP_MS = 60_000;

/** Starts an instance and returns when it answers. Throws StateFolderInUse, or an Error that says what failed. */
export async function launch(options: LaunchOptions = {}): Promise<Instance> {
  const root = resolve(options.root ?? PROJECT_ROOT);
  const temporary = options.stateDir === undefined;
  const folder = await takeStateFolder(options.stateDir ?? mkdtempSync(join(tmpdir(), 'orasi-')));
  const logs: string[] = [];
  const log = (line: string) => {
    logs.push(line);
    if (logs.length > LOG_LINES) logs.splice(0, LOG_LINES / 10);
    options.onLog?.(line);
  };

  const made = options.bundle ?? (options.root === undefined ? process.env['ORASI_BUNDLE'] || undefined : undefined);
  let bundle: Bundle | undefined;
  let miniflare: Miniflare | undefined;
  let sweepTimer: NodeJS.Timeout | undefined;
  let releaseFlags: (() => void) | undefined;
  let crashes = 0;
  let ended = false;

  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    clearInterval(sweepTimer);
    await miniflare?.dispose();
    releaseFlags?.();
    if (made === undefined && bundle !== undefined) await removeBundle(bundle);
    folder.release();
  };

  try {
    bundle = made === undefined ? await bundleWorker(root) : typeof made === 'string' ? await openBundle(made) : made;
    const secrets = readOrCreateSecrets(join(folder.path, 'secrets'));
    const vars = { ...secrets, ...options.vars };
    releaseFlags = holdV8Flags(options.v8Flags ?? []);
    useRuntimeWrapper();
    const platform = platformOptions({
      root,
      folder,
      bundle,
      vars,
      port: options.port ?? 0,
      tls: options.tls,
      queueBatchTimeoutSeconds: options.queueBatchTimeoutSeconds,
      gateways: options.gateways ?? 0,
      log,
      onRestart: () => {
        crashes++;
      },
    });
    miniflare = options.callerHandlesSignals
      ? withoutSignalHandlers(() => new Miniflare(platform))
      : new Miniflare(platform);
    const entry = await miniflare.ready;
    const bindings = await miniflare.getBindings<Env>();
    await applyMigrations(bindings.CATALOG, join(root, 'migrations'));
    const direct = options.tls === undefined ? await miniflare.unsafeGetDirectURL() : entry;
    const url = direct.origin;
    const gatewayUrls: string[] = [];
    for (let at = 0; at < (options.gateways ?? 0); at++) {
      gatewayUrls.push((await miniflare.unsafeGetDirectURL(gatewayWorkerName(at))).origin);
    }
    const worker = (await miniflare.getWorker()) as unknown as ScheduledWorker;
    const runScheduled: Instance['runScheduled'] = async (cron = '* * * * *') => {
      const result = await worker.scheduled({ cron, scheduledTime: new Date() });
      if (result.outcome !== 'ok') throw new Error(`the scheduled handler ended with outcome ${result.outcome}`);
    };
    if (options.sweep === 'every-minute') {
      // A failed sweep is logged by the Worker, and the next one does its work.
      const sweep: Instance['runScheduled'] = (cron) =>
        runScheduled(cron).catch((error) => void (ended || log(`the sweep failed: ${error}`)));
      void sweep('@restart');
      sweepTimer = setInterval(sweep, SWEEP_MS, '* * * * *');
      sweepTimer.unref();
    }
    const running = miniflare;
    // Node's fetch cannot be told to trust a certificate; Miniflare's own client already does.
    const send = (options.tls === undefined ? fetch : running.dispatchFetch) as typeof fetch;
    return {
      url,
      gatewayUrls,
      adminToken: vars.ADMIN_TOKEN,
      stateDir: folder.path,
      logs,
      bindings,
      get workerdPid() {
        return folder.runtimePid();
      },
      get crashes() {
        return crashes;
      },
      async fetch(path, init = {}) {
        const headers = new Headers(init.headers);
        if (!headers.has('authorization')) headers.set('authorization', `Bearer ${vars.ADMIN_TOKEN}`);
        if (headers.get('authorization') === '') headers.delete('authorization');
        const request = { ...init, headers, duplex: 'half' } as RequestInit;
        return await send(new URL(path, `${url}/`), request);
      },
      runScheduled,
      memory: () => residentMemory(folder.runtimePid()),
      evict: (className, name) =>
        running.unsafeEvictDurableObject(WORKER_NAME, className, { name, webSockets: 'hibernate' }),
      async kill9() {
        // Miniflare starts a runtime that died again; disposing in the same turn keeps it from doing so.
        const pid = folder.runtimePid();
        process.kill(pid, 'SIGKILL');
        await Promise.all([killRuntime(pid), running.dispose()]);
        await end();
      },
      async stop() {
        await end();
        if (temporary) await rm(folder.path, { recursive: true, force: true });
      },
    };
  } catch (error) {
    const output = logs.slice(-20).join('\n');
    await end().catch(() => undefined);
    if (temporary) await rm(folder.path, { recursive: true, force: true });
    throw new Error(`the platform did not start${output === '' ? '' : `; it logged:\n${output}`}`, { cause: error });
  }
}

/** Takes away the signal handlers that `make` has added. */
function withoutSignalHandlers<T>(make: () => T): T {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const made = make();
  signals.forEach((signal, index) => {
    for (const listener of process.listeners(signal)) {
      if (!before[index]?.includes(listener)) process.removeListener(signal, listener);
    }
  });
  return made;
}
