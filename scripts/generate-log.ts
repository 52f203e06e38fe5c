import { seededRandom } from '../src/core/random.ts';

/** One line of the generated service log. */
export interface LogLine {
  readonly id: number;
  /** RFC 3339 with milliseconds. */
  readonly ts: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly service: string;
  readonly host: string;
  readonly status: number;
  readonly latency_ms: number;
  readonly user_id: number;
  readonly message: string;
}

const SERVICES = ['checkout', 'search', 'inventory', 'payments', 'gateway', 'profile'];
const SUBJECTS = ['request', 'session', 'upstream call', 'cache lookup', 'database query', 'payment', 'background job'];
const OUTCOMES: Readonly<Record<LogLine['level'], readonly string[]>> = {
  debug: ['entered retry loop', 'took the fast path', 'was served from memory'],
  info: ['completed', 'was accepted', 'finished in time'],
  warn: ['was slow', 'was retried after a timeout', 'fell back to the replica'],
  error: ['failed: connection refused', 'failed: deadline exceeded', 'was rejected: quota exhausted'],
};

/** Reproducible log lines: the same seed gives the same lines, whatever the count. */
export function* logLines(count: number, seed = 1): Generator<LogLine> {
  const random = seededRandom(seed);
  const pick = <T>(items: readonly T[]) => items[Math.floor(random.next() * items.length)];
  let time = Date.UTC(2026, 0, 1);
  for (let id = 0; id < count; id++) {
    time += Math.floor(random.next() * 900);
    const draw = random.next();
    const level = draw < 0.02 ? 'error' : draw < 0.08 ? 'warn' : draw < 0.8 ? 'info' : 'debug';
    const service = pick(SERVICES);
    const host = `${service}-${Math.floor(random.next() * 20)}`;
    const latency = Math.round(-Math.log(1 - random.next()) * (level === 'warn' ? 900 : 60) * 1000) / 1000;
    yield {
      id,
      ts: new Date(time).toISOString(),
      level,
      service,
      host,
      status: level === 'error' ? pick([500, 502, 503]) : level === 'warn' ? 429 : 200,
      latency_ms: latency,
      user_id: Math.floor(random.next() * 50_000),
      message: `${pick(SUBJECTS)} ${Math.floor(random.next() * 1_000_000).toString(16)} ${pick(OUTCOMES[level])}`,
    };
  }
}

/** The lines as NDJSON chunks of about 64 KB. */
export function* logNdjson(count: number, seed = 1): Generator<string> {
  let chunk = '';
  for (const line of logLines(count, seed)) {
    chunk += `${JSON.stringify(line)}\n`;
    if (chunk.length > 65_536) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') yield chunk;
}
