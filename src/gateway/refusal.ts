import { ERROR_CODES, type ErrorCode } from '../core/errors.ts';
import type { Exchange, Stage } from './exchange.ts';

/** What a refusal says beside its code and detail. */
export interface RefusalOptions {
  /** Further headers of the answer: `WWW-Authenticate`, limits. */
  readonly headers?: Readonly<Record<string, string>>;
  /** With 429 and 503; 1 where none is given. */
  readonly retryAfterSeconds?: number;
  /** In place of the code's own status: a broken rule names one. */
  readonly status?: number;
  /** Members of the problem beyond those that all have. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** What of an exchange a refusal needs. */
export type Refused = Pick<Exchange, 'requestId' | 'request'> & { refusal: Exchange['refusal'] };

/** What is said where expressions cost more than one request may: it goes by no other rule instead. */
export const COSTLY_DETAIL =
  'path, query or headers are too long for the regular expressions of the routes of this host';

/** Answers a request here, as a problem (RFC 9457), and remembers why for logs and metrics. */
export function refuse(
  exchange: Refused,
  stage: Stage,
  code: ErrorCode,
  detail: string,
  options: RefusalOptions = {},
): Response {
  exchange.refusal = { code, stage };
  const status = options.status ?? ERROR_CODES[code].status;
  const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  if (status === 429 || status === 503) headers.set('retry-after', String(options.retryAfterSeconds ?? 1));
  for (const name in options.headers) headers.append(name, options.headers[name]);
  const problem = {
    type: `https://github.com/orasi-edge/orasi-edge/blob/main/docs/errors.md#${code}`,
    title: code[0].toUpperCase() + code.slice(1).replaceAll('_', ' '),
    status,
    detail,
    code,
    requestId: exchange.requestId,
    ...options.members,
  };
  // Nobody reads a body of an answer to HEAD, and the runtime would send it.
  const body = exchange.request.method === 'HEAD' ? null : JSON.stringify(problem);
  return new Response(body, { status, headers });
}
