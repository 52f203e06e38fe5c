import type { Random } from '../core/random.ts';
import type { DiscoveryBackend, Grant } from './backend.ts';
import type { BackendHealthRecord } from './backend-health.ts';
import { checkInstance, type ServiceInstance } from './instance.ts';
import {
  newRegistration,
  nextCall,
  type RegistrationEvent,
  type RegistrationState,
  step,
} from './registration-state.ts';
import { childSignal, type Timing } from './timing.ts';

export interface RegistrationDeps {
  readonly backend: DiscoveryBackend;
  readonly timing: Timing;
  readonly random: Random;
  readonly health: BackendHealthRecord;
  /** Told once, when the registration is over. */
  readonly ended: (registration: Registration) => void;
}

/** How a registration stands. `reason` is what the last call came to, where it failed. */
export interface RegistrationStatus {
  readonly state: 'registering' | 'registered' | 'deregistered';
  readonly reason?: string;
}

/**
 * Keeps one instance registered until it is deregistered: renews it, announces its changes, and registers it again
 * where the registry lost it or could not be reached. It runs in the background of the process that made it, and
 * nothing it does throws there.
 */
export class Registration {
  private readonly deps: RegistrationDeps;
  private readonly ttlSeconds: number;
  private readonly activity: string;
  private readonly running: Promise<void>;
  private readonly leaving = new AbortController();
  private instance: ServiceInstance;
  private healthy: boolean;
  /** Grows with each change, so that one made while another is on its way is not taken for announced. */
  private version = 0;
  private state: RegistrationState;
  private grant: Grant | undefined;
  private wake: () => void = () => {};

  /** @throws OrasiError `bad_request` where the instance cannot be registered as it is. */
  constructor(instance: ServiceInstance, options: { ttlSeconds: number; healthy: boolean }, deps: RegistrationDeps) {
    checkInstance(instance);
    this.deps = deps;
    this.instance = instance;
    this.healthy = options.healthy;
    this.ttlSeconds = options.ttlSeconds;
    this.activity = `registration of ${instance.service}/${instance.id}`;
    this.state = newRegistration(deps.timing.now());
    this.running = this.run();
  }

  get status(): RegistrationStatus {
    if (this.leaving.signal.aborted) return { state: 'deregistered' };
    const { phase, reason } = this.state;
    return reason === undefined ? { state: phase } : { state: phase, reason };
  }

  /**
   * Announces other metadata, or that the instance wants work or none. Takes effect with the next answer of the
   * registry, and waits for an outage to end like everything else.
   *
   * @throws OrasiError `bad_request`; the registration stays as it was.
   */
  update(change: { readonly metadata?: Readonly<Record<string, string>>; readonly healthy?: boolean }): void {
    const changed = { ...this.instance, metadata: change.metadata ?? this.instance.metadata };
    checkInstance(changed);
    this.instance = changed;
    this.healthy = change.healthy ?? this.healthy;
    this.version += 1;
    this.follow({ type: 'changed' });
    this.wake();
  }

  /**
   * Takes the instance away, once, and stops. Never throws: where the registry cannot be told, the TTL removes the
   * instance. Resolves to whether the registry was told.
   */
  async deregister(): Promise<boolean> {
    this.leaving.abort();
    this.wake();
    // A call on its way is awaited, not aborted: only its answer says what there is to take away.
    await this.running;
    const { grant } = this;
    this.grant = undefined;
    this.deps.health.ended(this.activity);
    this.deps.ended(this);
    if (grant === undefined) return true;
    try {
      await this.deps.backend.deregister(this.instance, grant, new AbortController().signal);
      return true;
    } catch {
      return false;
    }
  }

  private async run(): Promise<void> {
    const { timing } = this.deps;
    while (!this.leaving.signal.aborted) {
      const pause = childSignal(this.leaving.signal);
      this.wake = () => pause.abort();
      await timing.wait(this.state.dueMs - timing.now(), pause.signal);
      pause.release();
      if (this.leaving.signal.aborted) return;
      // Woken by a change, or early by a timer: only what is due is done.
      if (timing.now() < this.state.dueMs) continue;
      await this.call();
    }
  }

  private async call(): Promise<void> {
    const { backend, timing, health } = this.deps;
    const { version, grant } = this;
    const sentAtMs = timing.now();
    // Calls are bounded by the backend; leaving waits for them.
    const { signal } = new AbortController();
    try {
      if (nextCall(this.state) === 'renew' && grant !== undefined) {
        const outcome = await backend.renew(this.instance, grant, signal);
        this.follow(outcome === 'renewed' ? { type: 'renewed', sentAtMs } : { type: 'unknown' });
      } else {
        const announcement = { ttlSeconds: this.ttlSeconds, healthy: this.healthy };
        this.grant = await backend.register(this.instance, announcement, signal);
        this.follow({ type: 'registered', ttlMs: this.grant.ttlSeconds * 1000, sentAtMs });
      }
      if (version !== this.version) this.follow({ type: 'changed' });
      health.succeeded(this.activity);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.follow({ type: 'failed', reason });
      health.failed(this.activity, reason);
    }
  }

  private follow(event: RegistrationEvent): void {
    this.state = step(this.state, event, this.deps.timing.now(), this.deps.random);
  }
}
