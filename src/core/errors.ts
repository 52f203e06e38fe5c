/**
 * The closed list of error codes. Each says what the caller must do; `docs/errors.md` is generated
 * from here. `status` is the HTTP status an error of that code is answered with.
 */
export const ERROR_CODES = {
  bad_request: { status: 400, action: 'Mend the request as `errors` says and send it again.' },
  invalid_sql: { status: 400, action: 'Mend the statement at the position named and send it again.' },
  unsupported_sql: { status: 400, action: 'Rewrite the statement; docs/sql.md lists what works.' },
  query_too_large: { status: 400, action: 'Narrow the query: it reached the bound that `detail` names.' },
  type_error: { status: 400, action: 'Cast the operands; their types do not fit the operation.' },
  unauthorized: { status: 401, action: 'Send `Authorization: Bearer <token>` with a valid token.' },
  forbidden: { status: 403, action: 'Use a key whose namespace and role allow the call.' },
  not_found: { status: 404, action: 'Check the name; it does not exist in this namespace.' },
  method_not_allowed: { status: 405, action: 'Use a method the path has; see /openapi.json.' },
  conflict: { status: 409, action: 'Read the present state and repeat the change on top of it.' },
  gone: { status: 410, action: 'Start over: the history or upload asked for no longer exists.' },
  precondition_failed: {
    status: 412,
    action: 'Read the present state: `If-Match` or `If-Epoch` names one that has passed.',
  },
  payload_too_large: { status: 413, action: 'Use a resumable upload, or split the body.' },
  quota_exceeded: { status: 413, action: 'Delete what is not needed, or raise the bound that `detail` names.' },
  unsupported_format: { status: 415, action: 'Name a supported format with `?format=`.' },
  unprocessable: { status: 422, action: 'Mend the object as `errors` says and send it again.' },
  rate_limited: { status: 429, action: 'Wait for `Retry-After` seconds and repeat.' },
  timeout: { status: 408, action: 'Raise `timeoutMs` or narrow the query.' },
  cancelled: { status: 499, action: 'Nothing: the client went away.' },
  internal: { status: 500, action: 'Report the `requestId`; repeating may help.' },
  unavailable: { status: 503, action: 'Wait for `Retry-After` seconds and repeat.' },
  // The gateway's own answers, on the hosts of routes.
  no_route: { status: 404, action: 'Check host and path, or declare an HTTPRoute; `orasi explain` says what matched.' },
  match_too_costly: {
    status: 400,
    action: 'Send a shorter path, query or headers; or write fewer and simpler expressions in the routes of the host.',
  },
  route_broken: { status: 500, action: 'Mend the route: its conditions name what does not resolve.' },
  upstream_failed: {
    status: 502,
    action: 'Repeat where that is safe; look at the upstream, which broke the connection.',
  },
  upstream_unavailable: {
    status: 503,
    action: 'Wait for `Retry-After` seconds and repeat; no endpoint may be called.',
  },
  upstream_timeout: { status: 504, action: 'Repeat where that is safe, or raise the time-out of the route.' },
  loop_detected: { status: 508, action: 'Mend the upstream, whose address leads back to this gateway.' },
  unauthenticated: { status: 401, action: 'Send credentials of a kind that `WWW-Authenticate` names.' },
  access_denied: { status: 403, action: 'Nothing as this caller or from this place: a policy of the route says no.' },
  method_refused: { status: 405, action: 'Use a method that `Allow` names.' },
  body_too_large: { status: 413, action: 'Send a body within the bound that `detail` names.' },
  uri_too_long: { status: 414, action: 'Send a path and query within the bound that `detail` names.' },
  media_type_refused: { status: 415, action: 'Send a body of a type that `detail` names.' },
  headers_too_large: { status: 431, action: 'Send headers within the bound that `detail` names.' },
  // Reasons an object fails or a row is quarantined: they appear in the ledger, not as HTTP errors.
  malformed_input: { status: 422, action: 'The bytes are not valid in their format; mend the file.' },
  value_too_large: { status: 422, action: 'A single value or line is over the limit; split it.' },
  schema_violation: { status: 422, action: 'A row breaks the declared schema; mend it or the schema.' },
  source_changed: { status: 409, action: 'Nothing: the object was overwritten; its new version is taken in.' },
  source_missing: { status: 404, action: 'Put the object again; it vanished before it was read.' },
  corrupt_file: {
    status: 500,
    action: 'Nothing: a damaged index is rebuilt; report the `requestId` where a segment is.',
  },
  attempts_exhausted: { status: 500, action: 'See `error`, mend the cause, then retry the object.' },
} as const satisfies Record<string, { status: number; action: string }>;

/** The closed set of codes. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** One fault in the caller's input: where it is and what was expected there. */
export interface FieldError {
  /** Path of the field, e.g. `spec.schema[0].name`; a SQL error has `sql@<offset>`. */
  path: string;
  message: string;
}

/** An error the caller is told about. Anything else that is thrown is a defect and answered 500. */
export class OrasiError extends Error {
  readonly code: ErrorCode;
  readonly errors: FieldError[];
  /** Seconds for `Retry-After`, with 429 and 503. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options: { errors?: FieldError[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'OrasiError';
    this.code = code;
    this.errors = options.errors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERROR_CODES[this.code].status;
  }
}

/** A refusal of input for one field of it. */
export function badField(path: string, message: string): OrasiError {
  return new OrasiError('bad_request', `${path}: ${message}`, { errors: [{ path, message }] });
}

/** Asserts what the code relies on; a failure is a defect, not bad input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** Marks a branch the types rule out. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
