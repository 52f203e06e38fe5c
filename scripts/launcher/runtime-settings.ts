import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PID_FILE_VARIABLE } from './runtime-process.ts';

/**
 * Miniflare takes the runtime's path and V8 flags from environment variables alone, read whenever it starts a
 * runtime: also when it restarts one that crashed. They are therefore a property of this Node process.
 */
const WRAPPER_VARIABLE = 'MINIFLARE_WORKERD_PATH';
const FLAGS_VARIABLE = 'MINIFLARE_WORKERD_V8_FLAGS';

const workerd: string = createRequire(createRequire(import.meta.url).resolve('miniflare'))('workerd').default;

/** Has every Miniflare of this process start its runtime through workerd.sh. Without a POSIX shell it starts as it is, and is not reaped. */
export function useRuntimeWrapper(): void {
  if (process.platform === 'win32') return;
  process.env['ORASI_RUNTIME'] = workerd;
  process.env[WRAPPER_VARIABLE] = join(import.meta.dirname, 'workerd.sh');
}

/** Where workerd.sh writes the process id, in the environment of one instance's runtime. */
export function runtimeEnvironment(pidFile: string): Record<string, string> {
  return { [PID_FILE_VARIABLE]: pidFile };
}

let active = 0;

/** Sets the flags for as long as instances of this process run. Throws where running ones have others. */
export function holdV8Flags(flags: readonly string[]): () => void {
  const value = flags.join(' ');
  if (active > 0 && (process.env[FLAGS_VARIABLE] ?? '') !== value) {
    throw new Error(`instances of one process share their V8 flags; "${process.env[FLAGS_VARIABLE] ?? ''}" are in use`);
  }
  active++;
  process.env[FLAGS_VARIABLE] = value;
  let held = true;
  return () => {
    if (held) active--;
    held = false;
  };
}
