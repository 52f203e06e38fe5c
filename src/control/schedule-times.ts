import { Cron } from 'croner';

/** When a schedule comes round: by a cron expression in a time zone, or every so often since it was made. */
export type Rhythm =
  | { readonly kind: 'cron'; readonly expression: string; readonly timeZone: string }
  | { readonly kind: 'interval'; readonly everyMs: number; readonly sinceMs: number };

/** Where nobody knows how close together the times lie, they are looked for this far back at first. */
const FIRST_WINDOW_MS = 3_600_000;
/** Ten years: an expression with no time in them has none. */
const HORIZON_MS = 10 * 366 * 86_400_000;

/** What is wrong with a cron expression, or undefined. Five fields, or a name like `@daily`. */
export function cronFault(expression: string, timeZone: string): string | undefined {
  if (!/^@\w+$/.test(expression) && expression.trim().split(/\s+/).length !== 5) {
    return 'must have five fields: minute, hour, day of month, month, day of week';
  }
  try {
    const next = cron(expression, timeZone).nextRun(new Date(0));
    return next === null ? 'must come round: there is no such day' : undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
  }
}

export function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return true;
  } catch {
    return false;
  }
}

/** The first time after `afterMs`; null where there is none within ten years. */
export function nextTime(rhythm: Rhythm, afterMs: number): number | null {
  if (rhythm.kind === 'interval') {
    const { everyMs, sinceMs } = rhythm;
    return sinceMs + Math.max(1, Math.floor((afterMs - sinceMs) / everyMs) + 1) * everyMs;
  }
  const next = cron(rhythm.expression, rhythm.timeZone).nextRun(new Date(afterMs))?.getTime();
  return next === undefined || next > afterMs + HORIZON_MS ? null : next;
}

/** The last `count` times in (`afterMs`, `untilMs`], ascending, without going through all there may be. */
export function latestTimes(rhythm: Rhythm, afterMs: number, untilMs: number, count: number): number[] {
  for (let windowMs = FIRST_WINDOW_MS; ; windowMs *= 8) {
    const startMs = Math.max(afterMs, untilMs - windowMs);
    const times = timesWithin(rhythm, startMs, untilMs);
    if (times.length >= count || startMs === afterMs) return times.slice(-count);
  }
}

function timesWithin(rhythm: Rhythm, afterMs: number, untilMs: number): number[] {
  const times: number[] = [];
  for (let at = nextTime(rhythm, afterMs); at !== null && at <= untilMs; at = nextTime(rhythm, at)) times.push(at);
  return times;
}

function cron(expression: string, timeZone: string): Cron {
  return new Cron(expression, { timezone: timeZone });
}
