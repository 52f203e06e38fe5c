import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isRuntimeOf, killRuntime } from './runtime-process.ts';

/**
 * One instance's folder. It is held by an exclusive SQLite transaction on `lock.db`: the kernel releases that lock
 * when the process ends, however it ends, so there is no stale lock to guess about.
 */
export interface StateFolder {
  readonly path: string;
  /** Where the platform keeps R2, D1, queues and Durable Objects. */
  readonly data: string;
  /** Scratch space of the runtime, emptied at every start. */
  readonly scratch: string;
  /** The runtime writes its process id here on every start, so that the next instance can end an orphan. */
  readonly pidFile: string;
  /** The process id of the runtime that runs on this folder. Throws before the first one has started. */
  runtimePid(): number;
  release(): void;
}

/** Thrown where another instance holds the folder; its message says what to do. */
class StateFolderInUse extends Error {
  override name = 'StateFolderInUse';
}

/** Takes the folder, creating it where absent, and ends the orphaned runtime of an instance that was killed. */
export async function takeStateFolder(path: string): Promise<StateFolder> {
  const folder = resolve(path);
  mkdirSync(folder, { recursive: true });
  const lock = new DatabaseSync(join(folder, 'lock.db'));
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (error instanceof Error && /database is locked/.test(error.message)) {
      throw new StateFolderInUse(
        `another instance is running on ${folder} (process ${readText(join(folder, 'owner')) ?? 'unknown'}): ` +
          'stop it, or choose another folder with ORASI_STATE',
      );
    }
    throw error;
  }
  writeFileSync(join(folder, 'owner'), `${process.pid}\n`);
  const pidFile = join(folder, 'workerd.pid');
  await endOrphan(pidFile);
  const scratch = join(folder, 'scratch');
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  return {
    path: folder,
    data: join(folder, 'data'),
    scratch,
    pidFile,
    runtimePid() {
      const pid = Number(readText(pidFile) ?? Number.NaN);
      if (!Number.isInteger(pid)) throw new Error(`no runtime runs on ${folder}`);
      return pid;
    },
    release() {
      rmSync(pidFile, { force: true });
      rmSync(join(folder, 'owner'), { force: true });
      lock.close();
    },
  };
}

/** The runtime of a launcher that was killed with -9 may live on, holding its port and its files. */
async function endOrphan(pidFile: string): Promise<void> {
  const pid = Number(readText(pidFile) ?? Number.NaN);
  if (Number.isInteger(pid) && isRuntimeOf(pidFile, pid)) await killRuntime(pid);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
