import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Program } from './programs.ts';

const run = promisify(execFile);
/** Clock ticks of a second, in which Linux counts a process's time. */
const TICKS = 100;

/** What one run of wrk said. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not 2xx or 3xx, and connections that broke. */
  readonly failed: number;
  /** Of the processes that served, in microseconds a request. */
  readonly cpuUs: number;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Requests one address with wrk, from one thread. */
export async function load(wrk: Program, url: string, pids: readonly number[], options: LoadOptions): Promise<Load> {
  const { connections, seconds, headers = {} } = options;
  const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const before = cpuSeconds(pids);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...lines, url];
  const { stdout } = await run(wrk.path, args, { env: wrk.env });
  const spent = cpuSeconds(pids) - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (!(requests > 0)) throw new Error(`wrk sent nothing:\n${stdout}`);
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? [];
  return {
    requests,
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Ms: milliseconds(/^ +50%\s+(\S+)/m.exec(stdout)?.[1]),
    p99Ms: milliseconds(/^ +99%\s+(\S+)/m.exec(stdout)?.[1]),
    failed: [/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1], ...broken].reduce(
      (sum, n) => sum + Number(n ?? 0),
      0,
    ),
    cpuUs: (spent * 1e6) / requests,
  };
}

/** What processes have computed so far, in the kernel too. Linux only. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: utime and stime are the 12th and 13th field from the state on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS;
  }, 0);
}

/** wrk writes 812.00us, 1.52ms, 1.02s. */
function milliseconds(text: string | undefined): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text ?? '') ?? [];
  return Number(number) * (unit === 'us' ? 0.001 : unit === 's' ? 1_000 : 1);
}
