import { assert, OrasiError } from '../../core/errors.ts';
import { asJson, asList, asText, type Json, parseJson } from '../http.ts';
import { ConsulAgent, type ConsulOptions } from './agent.ts';

export interface ConsulLockOptions extends ConsulOptions {
  /** The key that is the lock; it stays when the lock is released, since its count of holders is the fence. */
  readonly key: string;
  /** Who holds it, for others to read. */
  readonly holder: string;
  /** Unrenewed for so long (Consul may take twice that) the lock is lost; 10 to 86,400. */
  readonly ttlSeconds: number;
  /** How long nobody gets a lock that was lost, 0 to 60: time for its holder to notice. */
  readonly lockDelaySeconds: number;
}

export type LockAnswer =
  /** `fence` grows with each holder, while the key lives: effects carry it, and whoever applies them refuses lower ones. */
  { readonly held: true; readonly fence: number } | { readonly held: false; readonly holder: string | undefined };

/**
 * A lock in Consul's KV, held by a session (https://developer.hashicorp.com/consul/docs/dynamic-app-config/sessions).
 * Its holder renews it well within its TTL. A lock by itself keeps nobody from acting late: the fence does.
 */
export class ConsulLock {
  private readonly agent: ConsulAgent;
  private readonly options: ConsulLockOptions;
  private session: string | undefined;

  constructor(options: ConsulLockOptions) {
    const { ttlSeconds, lockDelaySeconds } = options;
    assert(ttlSeconds >= 10 && ttlSeconds <= 86_400, 'a session lives 10 s to a day unrenewed');
    assert(lockDelaySeconds >= 0 && lockDelaySeconds <= 60, 'a lock delay is 0 to 60 s');
    this.agent = new ConsulAgent(options);
    this.options = options;
  }

  /**
   * Tries once. Who holds it already goes on holding it, with the same fence.
   *
   * @throws OrasiError as `DiscoveryBackend` says; then the lock may be held or not, and trying again tells.
   */
  async acquire(signal: AbortSignal): Promise<LockAnswer> {
    if (this.session !== undefined && !(await this.renewSession(this.session, signal))) this.session = undefined;
    this.session ??= await this.createSession(signal);
    await this.agent.request('PUT', `${this.path()}?acquire=${this.session}`, signal, { body: this.options.holder });
    const entry = await this.entry(signal);
    // Not the answer decides but the key: only it says who holds the lock where the request was made twice.
    if (asText(entry?.Session) === this.session) return { held: true, fence: Number(entry?.LockIndex) };
    return { held: false, holder: holderOf(entry) };
  }

  /** Whether the lock is still held, for another TTL. False: it is lost, and whoever acted under it stops. */
  async renew(signal: AbortSignal): Promise<boolean> {
    if (this.session === undefined) return false;
    if (await this.renewSession(this.session, signal)) {
      // A session may outlive its lock: the key was deleted, or the lock taken from it.
      if (asText((await this.entry(signal))?.Session) === this.session) return true;
    } else {
      this.session = undefined;
    }
    return false;
  }

  /** Lets go of it, so that the next one gets it without a delay. */
  async release(signal: AbortSignal): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    this.session = undefined;
    await this.agent.request('PUT', `${this.path()}?release=${session}`, signal, { body: '' });
    await this.agent.request('PUT', `/v1/session/destroy/${session}`, signal);
  }

  private path(): string {
    return `/v1/kv/${this.options.key.split('/').map(encodeURIComponent).join('/')}`;
  }

  private async createSession(signal: AbortSignal): Promise<string> {
    const body = {
      Name: this.options.key,
      TTL: `${this.options.ttlSeconds}s`,
      LockDelay: `${this.options.lockDelaySeconds}s`,
      Behavior: 'release',
    };
    const answer = await this.agent.request('PUT', '/v1/session/create', signal, { body: JSON.stringify(body) });
    return asText(asJson(parseJson(answer.text, 'consul')).ID);
  }

  private async renewSession(session: string, signal: AbortSignal): Promise<boolean> {
    return (await this.unlessMissing(this.agent.request('PUT', `/v1/session/renew/${session}`, signal))) !== undefined;
  }

  private async entry(signal: AbortSignal): Promise<Json | undefined> {
    const answer = await this.unlessMissing(this.agent.request('GET', this.path(), signal));
    return answer && asJson(asList(parseJson(answer.text, 'consul'))[0]);
  }

  private async unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
    try {
      return await request;
    } catch (error) {
      if (error instanceof OrasiError && error.code === 'not_found') return undefined;
      throw error;
    }
  }
}

function holderOf(entry: Json | undefined): string | undefined {
  if (asText(entry?.Session) === '') return undefined;
  return Buffer.from(asText(entry?.Value), 'base64').toString('utf8');
}
