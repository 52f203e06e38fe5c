import type { DiscoveryBackend } from '../../src/discovery/backend.ts';
import type { Timing } from '../../src/discovery/timing.ts';
import type { Fault } from './tcp-proxy.ts';

/** A registry under test: what the contract suite needs to know of one. */
export interface Registry {
  /** A client of its own, as another process would have one. Its calls end within a second on a silent connection. */
  open(): DiscoveryBackend;
  /** The clock that the registry and its clients live by. */
  readonly timing: Timing;
  /** How often a rule that waits looks: each look may be a request. Default 50 ms. */
  readonly lookEveryMs?: number;
  /** The least TTL that the registry takes. */
  readonly ttlSeconds: number;
  /** Removes an instance behind the back of the one who registered it. */
  remove(service: string, id: string): Promise<void>;
  close(): Promise<void>;
}

/** A registry that can be lost, as another process can. */
export interface MortalRegistry extends Registry {
  /** A way to the registry that misbehaves when told to, while everybody else's stands. */
  openPath(): Promise<RegistryPath>;
  kill(): Promise<void>;
  /** After `kill`. Resolves when it serves. */
  start(state: 'kept' | 'lost'): Promise<void>;
}

export interface RegistryPath {
  open(): DiscoveryBackend;
  /** From now on; connections that stand are under it as well. */
  set(fault: Fault): Promise<void>;
  /** Resets the connections that stand; new ones are served. */
  drop(): void;
  close(): Promise<void>;
}
