import { Toucan } from 'toucan-js';

/** Where defects are reported; never bad input, never secrets. */
export interface ErrorReporter {
  report(error: unknown, facts: Readonly<Record<string, string | number>>): void;
}

/** Reports nowhere: what a deployment without a Sentry DSN has. */
export const silentReporter: ErrorReporter = { report: () => {} };

/**
 * Reports to a Sentry-compatible service. `waitUntil` keeps the invocation alive until the event is sent.
 * toucan-js is archived; @sentry/cloudflare is its named successor behind this same port.
 */
export function sentryReporter(
  dsn: string,
  waitUntil: (work: Promise<unknown>) => void,
  release: string,
): ErrorReporter {
  return {
    report(error, facts) {
      const client = new Toucan({ dsn, release, context: { waitUntil } });
      for (const [name, value] of Object.entries(facts)) client.setTag(name, value);
      client.captureException(error);
    },
  };
}
