import { type ErrorCode, OrasiError } from '../../core/errors.ts';
import { type Answer, codeOfStatus, exchange, type Fetch, type Http } from '../http.ts';
import type { Timing } from '../timing.ts';

export interface ConsulOptions {
  /**
   * Address of the one agent, `http://host:8500`. One only: a registration belongs to the agent it was made with, and
   * a second agent would list the instance a second time.
   */
  readonly address: string;
  /** ACL token, where the agent asks for one. */
  readonly token?: string;
  /** How long the agent may take to answer; default 3 s. */
  readonly requestTimeoutMs?: number;
  readonly timing: Timing;
  readonly fetch: Fetch;
}

const DEFAULT_TIMEOUT_MS = 3_000;

/** What an agent says of a check or a service that it has not: 500 up to Consul 1.8, 404 in newer ones. */
const UNKNOWN = /unknown (check|service)/i;

/** The HTTP API of a Consul agent (https://developer.hashicorp.com/consul/api-docs). */
export class ConsulAgent {
  private readonly options: ConsulOptions;
  private readonly http: Http;
  readonly timeoutMs: number;

  constructor(options: ConsulOptions) {
    this.options = options;
    this.http = { fetch: options.fetch, timing: options.timing };
    this.timeoutMs = options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /**
   * One request that may be repeated: where no answer comes it is made once more, on a new connection. `extraMs` is
   * how long the agent is asked to wait before it answers.
   *
   * @throws OrasiError as `DiscoveryBackend` says, and `not_found`.
   */
  async request(
    method: 'GET' | 'PUT',
    path: string,
    signal: AbortSignal,
    options: { body?: string; extraMs?: number } = {},
  ): Promise<Answer> {
    const url = this.options.address.replace(/\/+$/, '') + path;
    const headers: Record<string, string> = {};
    if (this.options.token !== undefined) headers['x-consul-token'] = this.options.token;
    if (options.body !== undefined) headers['content-type'] = 'application/json';
    const init = { method, headers, body: options.body };
    const timeoutMs = this.timeoutMs + (options.extraMs ?? 0);
    const ask = async () => {
      const answer = await exchange(this.http, url, init, timeoutMs, signal);
      if (answer.status === 200) return answer;
      const detail = answer.text.trim() || `HTTP ${answer.status}`;
      throw new OrasiError(codeOf(answer.status, detail), `${url}: ${detail}`);
    };
    try {
      return await ask();
    } catch (error) {
      const unanswered = error instanceof OrasiError && error.code === 'unavailable' && !signal.aborted;
      // What was asked to wait has used up its time; its caller asks again, and of the start.
      if (!unanswered || options.extraMs !== undefined) throw error;
      return ask();
    }
  }
}

function codeOf(status: number, detail: string): ErrorCode {
  return status === 500 && UNKNOWN.test(detail) ? 'not_found' : codeOfStatus(status);
}
