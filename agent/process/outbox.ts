import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from './log.ts';
import type { Report } from './queue-calls.ts';

/**
 * Results the queue has not answered yet, oldest first, each in a file of its own: an agent that is killed finds them
 * when it starts again. They are written and not forced to the disk: what a power cut takes is run again.
 */
export interface Outbox {
  readonly size: number;
  /** Takes a result in. Never throws: where it cannot be written, it is kept in memory alone. */
  add(report: Report): Promise<void>;
  /** The oldest ones, as many as go into one request; none where there are none. */
  batch(): readonly Report[];
  /** Forgets a result. */
  remove(report: Report): Promise<void>;
}

/** Of the queue's 1000 results and 1 MB a request; a single result is smaller than this. */
const BATCH_REPORTS = 100;
const BATCH_BYTES = 512 * 1024;

interface Kept {
  readonly file: string;
  readonly bytes: number;
}

/** Opens a folder, with what an agent before has left in it. Throws where the folder cannot be made or read. */
export async function openOutbox(folder: string, log: Log): Promise<Outbox> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const kept = new Map<Report, Kept>();
  for (const name of (await readdir(folder)).sort()) {
    const file = join(folder, name);
    const text = name.endsWith('.json') ? await readFile(file, 'utf8') : '';
    const report = reportOf(text);
    if (report !== undefined) kept.set(report, { file, bytes: Buffer.byteLength(text) });
    else {
      // A rename makes a file whole: what is not a result is the beginning of one, or was damaged outside.
      log('a damaged result is left out', { file });
      await rm(file, { force: true });
    }
  }
  if (kept.size > 0) log('results are left from before', { count: kept.size });

  let number = 0;
  return {
    get size() {
      return kept.size;
    },
    async add(report) {
      const text = JSON.stringify(report);
      const name = `${String(Date.now()).padStart(15, '0')}-${String(++number).padStart(9, '0')}-${process.pid}`;
      const file = join(folder, `${name}.json`);
      try {
        const begun = join(folder, `${name}.begun`);
        await writeFile(begun, text, { mode: 0o600 });
        await rename(begun, file);
      } catch (error) {
        log('a result is kept in memory alone', { taskId: report.taskId, error: String(error) });
      }
      // Not before: delivered while it is written, it would be forgotten first and its file stay.
      kept.set(report, { file, bytes: Buffer.byteLength(text) });
    },
    batch() {
      const reports: Report[] = [];
      let bytes = 0;
      for (const [report, each] of kept) {
        bytes += each.bytes;
        if (reports.length > 0 && (bytes > BATCH_BYTES || reports.length >= BATCH_REPORTS)) break;
        reports.push(report);
      }
      return reports;
    },
    async remove(report) {
      const file = kept.get(report)?.file;
      kept.delete(report);
      if (file !== undefined) await rm(file, { force: true }).catch(() => {});
    },
  };
}

function reportOf(text: string): Report | undefined {
  try {
    const value = JSON.parse(text) as Partial<Report> | null;
    const sound = typeof value?.taskId === 'string' && typeof value.leaseToken === 'string';
    return sound && typeof value.success === 'boolean' ? (value as Report) : undefined;
  } catch {
    return undefined;
  }
}
