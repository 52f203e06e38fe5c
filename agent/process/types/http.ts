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
      const { url, method, headers, body } = payloadOf(payload);
      if (!hosts.includes('*') && !hosts.includes(new URL(url).host)) {
        throw new TaskError(`this agent makes no requests to "${new URL(url).host}"`, { retryable: false });
      }
      const sent = { ...headers, 'x-orasi-task-id': taskId };
      let response: Response;
      let text: string;
      try {
        response = await fetch(url, {
          method,
          headers: sent,
          signal,
          redirect: 'manual',
          ...(body === undefined ? {} : { body }),
        });
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

interface HttpPayload {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

function payloadOf(payload: unknown): HttpPayload {
  const { url, method = 'GET', headers = {}, body } = (payload ?? {}) as Record<string, unknown>;
  const sound =
    typeof url === 'string' &&
    /^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '') &&
    typeof method === 'string' &&
    METHODS.includes(method) &&
    typeof headers === 'object' &&
    headers !== null &&
    Object.values(headers).every((value) => typeof value === 'string');
  if (!sound) {
    throw new TaskError(`the payload is not { "url", "method"?: ${METHODS.join('|')}, "headers"?, "body"? }`, {
      retryable: false,
    });
  }
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return { url, method, headers: headers as Record<string, string>, body: text };
}
