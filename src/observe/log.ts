import type { Clock } from '../core/clock.ts';

/** Severity, from least to most. */
const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'off'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Values a log line may carry beside its message; nested ones are written as JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * A structured log: one JSON object a line with `time, level, component, message` and the fields.
 * Secrets never reach it: callers pass ids and counts, not headers or bodies.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with these fields on every line. */
  with(fields: LogFields): Log;
}

/** Where finished lines go. */
export type LogSink = (level: Exclude<LogLevel, 'off'>, line: string) => void;

/** Level of each component; `*` is the level of those not named. */
export type LogLevels = Readonly<Record<string, LogLevel>>;

/**
 * Reads `info` or `info,ingest=debug,query=off`: the first bare level is everybody's, the others a component's.
 * Throws a RangeError that names the part it does not understand.
 */
export function parseLogLevels(text: string): LogLevels {
  const levels: Record<string, LogLevel> = { '*': 'info' };
  for (const part of text.split(',').map((item) => item.trim())) {
    if (part === '') continue;
    const [left, right] = part.split('=');
    const level = right ?? left;
    if (!LOG_LEVELS.includes(level as LogLevel)) {
      throw new RangeError(`log level "${part}": expected one of ${LOG_LEVELS.join(', ')}, or component=level`);
    }
    levels[right === undefined ? '*' : left] = level as LogLevel;
  }
  return levels;
}

/** Whether lines of a component at a level go anywhere. */
export function isLogged(levels: LogLevels, component: string, level: Exclude<LogLevel, 'off'>): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(levels[component] ?? levels['*']);
}

/** A function that gives each component its log. */
export function createLogs(levels: LogLevels, sink: LogSink, clock: Clock): (component: string) => Log {
  return (component) => {
    const threshold = LOG_LEVELS.indexOf(levels[component] ?? levels['*']);
    const build = (bound: LogFields): Log => {
      const write =
        (level: Exclude<LogLevel, 'off'>) =>
        (message: string, fields: LogFields = {}) => {
          if (LOG_LEVELS.indexOf(level) < threshold) return;
          const time = new Date(clock.now()).toISOString();
          sink(level, JSON.stringify({ time, level, component, message, ...bound, ...fields }, printable));
        };
      return {
        debug: write('debug'),
        info: write('info'),
        warn: write('warn'),
        error: write('error'),
        with: (fields) => build({ ...bound, ...fields }),
      };
    };
    return build({});
  };
}

function printable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  return value;
}
