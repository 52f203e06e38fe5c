import type { Random } from '../../src/core/random.ts';
import { type Backoff, pause, pauseMs } from '../client/backoff.ts';
import { ApiError } from '../client/errors.ts';
import type { Changes } from './changes.ts';
import type { Log } from './log.ts';
import type { Outbox } from './outbox.ts';
import type { QueueCalls, Report, ReportOutcome } from './queue-calls.ts';

export interface ReportingParts {
  readonly calls: QueueCalls;
  readonly outbox: Outbox;
  readonly changes: Changes;
  readonly random: Random;
  readonly log: Log;
  /** Told what the queue made of a report. */
  readonly counted: (outcome: ReportOutcome | 'refused') => void;
}

const BACKOFF: Backoff = { firstMs: 250, capMs: 15_000 };
const REFUSED = 'the queue refuses its result: ';

/**
 * Delivers results until the signal aborts. Each is told again until the queue has answered; where an answer was lost
 * it says `duplicate` and nothing changes.
 */
export async function deliverReports(parts: ReportingParts, signal: AbortSignal): Promise<void> {
  const { calls, outbox, changes, random, log, counted } = parts;
  let single = false;
  for (let failures = 0; !signal.aborted; ) {
    const whole = outbox.batch();
    if (whole.length === 0) {
      single = false;
      await changes.next(60_000, signal);
      continue;
    }
    const batch = single ? whole.slice(0, 1) : whole;
    try {
      const answers = await calls.report(batch);
      failures = 0;
      for (const [at, { outcome }] of answers.entries()) {
        counted(outcome);
        await outbox.remove(batch[at]);
        if (outcome === 'stale' || outcome === 'unknown')
          log('a result came too late', { taskId: batch[at].taskId, outcome });
      }
      changes.tell();
    } catch (error) {
      if (isRefusal(error) && batch.length > 1) {
        // One of them is at fault: each by itself, until there are none.
        single = true;
      } else if (isRefusal(error)) {
        await refused(batch[0], error);
      } else {
        // Out of reach, or the key is not taken: results wait until that is mended.
        if (failures === 0) log('results wait for the queue', { count: outbox.size, error: String(error) });
        await pause(pauseMs(BACKOFF, ++failures, random), signal);
      }
    }
  }

  /** The queue will never take it as it is: it is told so in its place, lest the work be done again for the same end. */
  async function refused(report: Report, error: ApiError): Promise<void> {
    log('a result is refused', { taskId: report.taskId, error: error.message });
    counted('refused');
    await outbox.remove(report);
    const { taskId, leaseToken, processingTimeMs } = report;
    const instead: Report = {
      taskId,
      leaseToken,
      processingTimeMs,
      success: false,
      retryable: false,
      error: `${REFUSED}${error.message}`.slice(0, 1_000),
    };
    if (report.error?.startsWith(REFUSED) !== true) await outbox.add(instead);
  }
}

function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 400 || error.status === 413 || error.status === 422);
}
