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
  unreachable,
} from '../http.ts';
import { childSignal, type Timing, within } from '../timing.ts';
import { linesOf } from './lines.ts';

export interface EtcdOptions {
  /** Addresses of the members, `http://host:2379`, tried in turn. At least one. */
  readonly endpoints: readonly string[];
  /** Where etcd's authentication is on. */
  readonly credentials?: { readonly name: string; readonly password: string };
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
    const life = childSignal(parent);
    const over = new AbortController();
    void this.options.timing.wait(lifeMs, over.signal).then(() => life.abort());
    try {
      const url = this.member() + path;
      const lines = await this.openStream(url, body, life.signal);
      const first = await within(this.options.timing, this.timeoutMs, url, life.signal, (signal) =>
        untilAborted(lines.next(), signal),
      );
      for (let line = first; !line.done; line = await untilAborted(lines.next(), life.signal)) {
        const message = asJson(parseJson(line.value, url));
        if (message.error !== undefined) throw refusal(asJson(message.error), 200, url);
        yield asJson(message.result);
      }
      throw new OrasiError('unavailable', `${url}: the stream was ended`);
    } catch (error) {
      if (!life.signal.aborted) throw unreachable(this.member() + path, error, life.signal);
    } finally {
      over.abort();
      life.abort();
      life.release();
    }
  }

  /** The next call asks for another token. */
  forgetToken(): void {
    this.token = undefined;
  }

  private async openStream(url: string, body: Json, signal: AbortSignal): Promise<AsyncGenerator<string, void>> {
    const response = await within(this.options.timing, this.timeoutMs, url, signal, (attempt) =>
      untilAborted(this.options.fetch(url, { ...this.init(body), signal }), attempt),
    );
    if (response.status !== 200 || response.body === null) {
      throw refusal(asJson(parseJson(await response.text(), url)), response.status, url);
    }
    return linesOf(response.body);
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

/** A promise given up when the signal aborts; what it comes to later is nobody's any more. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
