import { TaskError, type TaskType } from '../task-type.ts';

/** What is kept of an answer; the rest is not read. A byte takes at most six in JSON. */
const BODY_BYTES = 20_000;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * The type `http`: makes a request, `{ "url", "method"?, "headers"?, "body"? }`, to one of the hosts allowed (`*` is
 * any) and follows no redirects. A 2xx is success; 408, 429, 5xx and broken connections may be tried again.
 */
export function httpType(hosts: readonly string[]): TaskType {
  return {
    name: 'http',
    async run({ taskId, payload, signal }) {
      const request = requestOf(payload, taskId, signal);
      const { host, origin, pathname } = new URL(request.url);
      if (!hosts.includes('*') && !hosts.includes(host)) {
        throw new TaskError(`this agent makes no requests to "${host}"`, { retryable: false });
      }
      // Without its query, where people put keys: errors are logged and kept.
      const url = origin + pathname;
      let response: Response;
      let text: string;
      try {
        response = await fetch(request);
        text = await startOf(response);
      } catch (error) {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new TaskError(`no answer from ${url}: ${reason}`, { retryable: true, cause: error });
      }
      if (response.ok) return { status: response.status, body: text };
      const retryable = response.status === 408 || response.status === 429 || response.status >= 500;
      throw new TaskError(`${url} answered ${response.status}`, { retryable });
    },
  };
}

async function startOf({ body }: Response): Promise<string> {
  if (body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk.subarray(0, BODY_BYTES - bytes), { stream: true });
    bytes += chunk.length;
    if (bytes >= BODY_BYTES) break;
  }
  return text;
}

function requestOf(payload: unknown, taskId: string, signal: AbortSignal): Request {
  const { url, method = 'GET', headers = {}, body } = (payload ?? {}) as Record<string, unknown>;
  const target = typeof url === 'string' && URL.canParse(url) ? new URL(url) : null;
  const sound =
    target !== null &&
    /^https?:$/.test(target.protocol) &&
    target.username + target.password === '' &&
    typeof method === 'string' &&
    METHODS.includes(method) &&
    isTexts(headers) &&
    // It names another server than the one that was allowed.
    !Object.keys(headers).some((name) => name.toLowerCase() === 'host');
  if (!sound) {
    const shape = `{ "url", "method"?: ${METHODS.join('|')}, "headers"?, "body"? }, without user or header "host"`;
    throw new TaskError(`the payload is not ${shape}`, { retryable: false });
  }
  try {
    return new Request(target, {
      method,
      headers: { ...headers, 'x-orasi-task-id': taskId },
      signal,
      redirect: 'manual',
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TaskError(`the payload is no request: ${reason}`, { retryable: false, cause: error });
  }
}

function isTexts(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string');
}
