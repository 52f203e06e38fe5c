import type { DiscoveryBackend } from '../../src/discovery/backend.ts';
import type { Fault } from './tcp-proxy.ts';

/** A registry under test: what the contract suite needs to know of one. */
export interface Registry {
  /** A client of its own, as another process would have one. Its calls end within a second on a silent connection. */
  open(): DiscoveryBackend;
  /** The least TTL that the registry takes. */
  readonly ttlSeconds: number;
  /** Removes an instance behind the back of the one who registered it. */
  remove(service: string, id: string): Promise<void>;
  close(): Promise<void>;
  /** Where the registry is another process, and can be lost. */
  readonly outages?: Outages;
}

export interface Outages {
  set(fault: Fault): Promise<void>;
  /** Resets the connections that stand; new ones are served. */
  drop(): void;
  kill(): Promise<void>;
  /** After `kill`. Resolves when it serves. */
  start(state: 'kept' | 'lost'): Promise<void>;
}
