import { ApiError } from './errors.ts';

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const textOr = (value: unknown, otherwise: string) => (typeof value === 'string' && value !== '' ? value : otherwise);

/**
 * The error an answer carries: problem details (RFC 9457), a Kubernetes `Status`, or whatever a proxy in between
 * says.
 */
export function answerError(
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  text: string,
): ApiError {
  const body = jsonOf(text);
  const after = Number(headers['retry-after']);
  const common = {
    status,
    requestId: typeof headers['x-request-id'] === 'string' ? headers['x-request-id'] : undefined,
    retryAfterSeconds: Number.isFinite(after) && headers['retry-after'] !== undefined ? after : undefined,
  };
  if (isRecord(body) && body['kind'] === 'Status') {
    return new ApiError({
      ...common,
      code: textOr(body['reason'], 'Unknown'),
      message: textOr(body['message'], `the server answered ${status}`),
    });
  }
  if (isRecord(body) && typeof body['code'] === 'string') {
    return new ApiError({
      ...common,
      code: body['code'],
      message: textOr(body['detail'], textOr(body['title'], `the server answered ${status}`)),
      errors: faultsOf(body['errors']),
    });
  }
  const line = text.split('\n', 1)[0].trim().slice(0, 200);
  const said = line === '' || line.startsWith('<') ? '' : `: ${line}`;
  return new ApiError({ ...common, code: 'unknown', message: `the server answered ${status}${said}` });
}

function faultsOf(errors: unknown): { path: string; message: string }[] {
  if (!Array.isArray(errors)) return [];
  return errors
    .filter(isRecord)
    .map((fault) => ({ path: textOr(fault['path'], '(body)'), message: textOr(fault['message'], 'not valid') }));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
