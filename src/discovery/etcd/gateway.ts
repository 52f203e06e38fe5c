import { assert, type ErrorCode, OrasiError } from '../../core/errors.ts';
import {
  asJson,
  asText,
  codeOfStatus,
  exchange,
  type Fetch,
  type Http,
  type Json,
  parseJson,
  readText,
} from '../http.ts';
import { linesFor } from '../lines.ts';
import type { Timing } from '../timing.ts';

export interface EtcdOptions {
  /** Addresses of the members, `http://host:2379`, tried in turn. At least one. */
  readonly endpoints: readonly string[];
  /** Where etcd's authentication is on. */
  readonly credentials?: { readonly name: string; readonly password: string };
  /** A token that is known already, in place of credentials. */
  readonly token?: string;
  /** How long one member may take to answer; default 3 s. */
  readonly requestTimeoutMs?: number;
  readonly timing: Timing;
  readonly fetch: Fetch;
}

const DEFAULT_TIMEOUT_MS = 3_000;

/** What etcd says to a token it does not know, or no longer: https://github.com/etcd-io/etcd/issues/9629 and below. */
const TOKEN_REFUSED =
  /invalid auth token|user name is empty|revision of auth store is old|auth: revision in header is old/;

/** gRPC's codes that mean: another member, or the same one later (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
const RETRYABLE_GRPC = new Set([4, 8, 10, 13, 14, 15]);

/**
 * etcd's JSON gateway (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/): calls go to the member that answered
 * last and, where it fails, to the next ones; a token is fetched where there are credentials and again when it is
 * refused.
 */
export class EtcdGateway {
  private readonly options: EtcdOptions;
  private readonly http: Http;
  private readonly timeoutMs: number;
  private current = 0;
  private token: string | undefined;

  constructor(options: EtcdOptions) {
    assert(options.endpoints.length > 0, 'etcd has at least one endpoint');
    this.options = options;
    this.token = options.token;
    this.http = { fetch: options.fetch, timing: options.timing };
    this.timeoutMs = options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /**
   * One call. Only calls that may be repeated belong here: where no answer comes, it is made again, of the next member
   * or, where there is but one, of the same on a new connection.
   *
   * @throws OrasiError as `DiscoveryBackend` says, and `not_found` (a lease that is gone).
   */
  async call(path: string, body: Json, signal: AbortSignal): Promise<Json> {
    return this.authenticated(signal, () => this.anyMember(path, body, signal));
  }

  /**
   * A call whose answer is a stream, `result` by `result`, for so long. Only the first result is waited for with a
   * time-out, since silence says nothing after it; hence the bound on the whole.
   *
   * @throws OrasiError as `call`; `unavailable` where the connection breaks.
   */
  async *stream(path: string, body: Json, lifeMs: number, parent: AbortSignal): AsyncGenerator<Json, void> {
    const url = this.member() + path;
    const bounds = { timing: this.options.timing, timeoutMs: this.timeoutMs, lifeMs };
    for await (const line of linesFor(url, (signal) => this.openStream(url, body, signal), bounds, parent)) {
      const message = asJson(parseJson(line, url));
      if (message.error !== undefined) throw refusal(asJson(message.error), 200, url);
      yield asJson(message.result);
    }
  }

  /** The next call asks for another token. */
  forgetToken(): void {
    this.token = this.options.token;
  }

  private async openStream(url: string, body: Json, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await this.options.fetch(url, { ...this.init(body), signal });
    if (response.status === 200 && response.body !== null) return response.body;
    throw refusal(asJson(parseJson(await readText(response), url)), response.status, url);
  }

  private async authenticated(signal: AbortSignal, call: () => Promise<Json>): Promise<Json> {
    if (this.options.credentials === undefined) return call();
    if (this.token === undefined) await this.authenticate(signal);
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof OrasiError && error.code === 'unauthorized')) throw error;
      // The token has expired, or the member that gave it has been started anew.
      this.forgetToken();
      await this.authenticate(signal);
      return call();
    }
  }

  private async authenticate(signal: AbortSignal): Promise<void> {
    const answer = await this.anyMember('/v3/auth/authenticate', { ...this.options.credentials }, signal);
    this.token = asText(answer.token);
  }

  private async anyMember(path: string, body: Json, signal: AbortSignal): Promise<Json> {
    const attempts = Math.max(2, this.options.endpoints.length);
    for (let attempt = 1; ; attempt++) {
      const asked = this.current;
      const url = this.member() + path;
      try {
        const answer = await exchange(this.http, url, this.init(body), this.timeoutMs, signal);
        const json = asJson(parseJson(answer.text, url));
        // A stream of one message answers 200 before it knows, and says so inside.
        const fault = answer.status === 200 ? json.error : json;
        if (fault !== undefined) throw refusal(asJson(fault), answer.status, url);
        return json;
      } catch (error) {
        const retryable = error instanceof OrasiError && error.code === 'unavailable' && !signal.aborted;
        // Calls that failed together move on by one member, not by one each.
        if (retryable && this.current === asked) this.current = (asked + 1) % this.options.endpoints.length;
        if (!retryable || attempt >= attempts) throw error;
      }
    }
  }

  private member(): string {
    return (this.options.endpoints[this.current] ?? '').replace(/\/+$/, '');
  }

  private init(body: Json): RequestInit {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    // Bare, without "Bearer": https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/#authentication
    if (this.token !== undefined) headers.authorization = this.token;
    return { method: 'POST', headers, body: JSON.stringify(body) };
  }
}

/** An answer that is an error: `{error, message, code}`, inside a stream `{grpc_code, http_code, message}`. */
function refusal(fault: Json, status: number, url: string): OrasiError {
  const message = asText(fault.message) || asText(fault.error) || `HTTP ${status}`;
  const grpc = Number(fault.code ?? fault.grpc_code ?? 0);
  return new OrasiError(codeOf(message, grpc, status), `${url}: ${message}`);
}

function codeOf(message: string, grpc: number, status: number): ErrorCode {
  if (grpc === 16 || TOKEN_REFUSED.test(message)) return 'unauthorized';
  if (RETRYABLE_GRPC.has(grpc)) return 'unavailable';
  if (grpc === 7) return 'forbidden';
  if (grpc === 5) return 'not_found';
  return status === 200 ? 'bad_request' : codeOfStatus(status);
}
