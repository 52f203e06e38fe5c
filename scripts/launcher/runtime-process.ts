import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The environment variable that tells the runtime's wrapper where to write its process id. */
export const PID_FILE_VARIABLE = 'ORASI_RUNTIME_PID_FILE';

/** Whether a process runs. A zombie does not: nothing of it is left but its entry, which only its parent removes. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = readProcFile(pid, 'stat');
  // "pid (name) state …"; the name may hold anything, so the state is looked for behind the last parenthesis.
  return status === null || status.charAt(status.lastIndexOf(')') + 2) !== 'Z';
}

/**
 * Whether a process is the runtime that wrote this pid file. Process ids are used again, and other people's runtimes
 * have the same name: on Linux its environment decides, elsewhere its command line has to do.
 */
export function isRuntimeOf(pidFile: string, pid: number): boolean {
  if (!isRunning(pid)) return false;
  if (process.platform === 'linux') {
    return (readProcFile(pid, 'environ') ?? '').split('\0').includes(`${PID_FILE_VARIABLE}=${pidFile}`);
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes('workerd');
  } catch {
    return false;
  }
}

/** Kills with -9 and returns when the process is gone. */
export async function killRuntime(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return;
  }
  for (let waitedMs = 0; isRunning(pid); waitedMs += 5) {
    if (waitedMs > 10_000) throw new Error(`process ${pid} does not end`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** Resident memory of a process, now and at its highest, in bytes; null where the system does not tell. */
export function residentMemory(pid: number): { nowBytes: number; peakBytes: number } | null {
  const status = readProcFile(pid, 'status');
  if (status === null) return null;
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  return { nowBytes: kilobytes('VmRSS') * 1024, peakBytes: kilobytes('VmHWM') * 1024 };
}

function readProcFile(pid: number, name: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return null;
  }
}
