import { type ErrorCode, OrasiError } from '../core/errors.ts';

/** The body of an error under `/v1`: RFC 9457 problem details with our `code`, `requestId` and `errors`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly requestId: string;
  readonly errors?: readonly { path: string; message: string }[];
}

/** The seconds a caller is asked to wait where an error of its kind says nothing better. */
const DEFAULT_RETRY_SECONDS = 1;

/**
 * The answer to an error. What is not an `OrasiError` is a defect: its text stays in the log. `extension` members are
 * what a client needs to go on (RFC 9457, section 3.2).
 */
export function problemResponse(
  error: unknown,
  requestId: string,
  extension: Readonly<Record<string, unknown>> = {},
): Response {
  const known =
    error instanceof OrasiError ? error : new OrasiError('internal', 'an unexpected error; it has been logged');
  const problem: Problem = {
    ...extension,
    type: `https://github.com/orasi-edge/orasi-edge/blob/main/docs/errors.md#${known.code}`,
    title: titleOf(known.code),
    status: known.status,
    detail: known.message,
    code: known.code,
    requestId,
    ...(known.errors.length > 0 ? { errors: known.errors } : {}),
  };
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (known.status === 401) headers.set('www-authenticate', 'Bearer');
  if (known.status === 429 || known.status === 503) {
    headers.set('retry-after', String(known.retryAfterSeconds ?? DEFAULT_RETRY_SECONDS));
  }
  return new Response(JSON.stringify(problem), { status: known.status, headers });
}

function titleOf(code: ErrorCode): string {
  const words = code.replaceAll('_', ' ');
  return words[0].toUpperCase() + words.slice(1);
}
