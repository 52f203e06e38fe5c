import { statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';

/** What the machine is at, as the cluster takes it. */
export interface MachineLoad {
  /** Of all processors, since the last time it was asked; 0 at first. */
  readonly cpuPercent: number;
  /** In use. */
  readonly memoryBytes: number;
  /** In use, of the volume of a folder. */
  readonly diskBytes: number;
}

/** Measures from one call to the next. */
export function machineLoad(folder: string): () => Promise<MachineLoad> {
  let before = cpuTimes();
  return async () => {
    const now = cpuTimes();
    const total = now.total - before.total;
    const cpuPercent = total <= 0 ? 0 : Math.round((1000 * (total - (now.idle - before.idle))) / total) / 10;
    if (total > 0) before = now;
    const disk = await statfs(folder);
    return {
      cpuPercent: Math.min(100, Math.max(0, cpuPercent)),
      memoryBytes: totalmem() - freemem(),
      diskBytes: (disk.blocks - disk.bfree) * disk.bsize,
    };
  };
}

function cpuTimes(): { idle: number; total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idle, total };
}
