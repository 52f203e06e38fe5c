import type { ServiceInstance } from './instance.ts';

/** What a registration announces beside where the instance is. */
export interface Announcement {
  readonly ttlSeconds: number;
  /** False: the instance is alive and wants no work. It is kept, and not listed. */
  readonly healthy: boolean;
}

/** A registration in force. */
export interface Grant {
  /** The backend's name for it: a lease, a check. */
  readonly token: string;
  /** What the backend granted, which may be more than was asked for. Unrenewed for so long, the instance is gone. */
  readonly ttlSeconds: number;
}

/** The healthy instances of a service at one moment, in the order of their ids. */
export interface Listing {
  readonly instances: readonly ServiceInstance[];
  /** The backend's name for that moment: a revision, an index. */
  readonly cursor: string;
}

/**
 * What a registry has to do, one attempt a call: `Discovery` repeats, waits and remembers. A Durable Object that
 * lives by alarms calls these by itself.
 *
 * Every call throws OrasiError: `unavailable` where another attempt may fare better, `forbidden` and `unauthorized`
 * where the credentials do not do, `bad_request` where the registry refuses the call as such. Every call ends within
 * a bounded time, also on a connection whose other end is silent, and at once when its signal aborts.
 */
export interface DiscoveryBackend {
  readonly name: string;
  /** Puts the instance in the place of whatever has its service and id. Repeating it changes nothing. */
  register(instance: ServiceInstance, announcement: Announcement, signal: AbortSignal): Promise<Grant>;
  /** Starts the TTL anew. `unknown`: the registry has lost the instance, and it has to be registered again. */
  renew(instance: ServiceInstance, grant: Grant, signal: AbortSignal): Promise<'renewed' | 'unknown'>;
  /** Takes the instance away; that it is gone already is no error. */
  deregister(instance: ServiceInstance, grant: Grant, signal: AbortSignal): Promise<void>;
  list(service: string, signal: AbortSignal): Promise<Listing>;
  /** The services that have instances, healthy or not, in order of their names. */
  services(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * The listings that come after one, each as soon as it comes about; several changes may come as one listing. Ends
   * without an error where the follower is to list again: its history is gone, or it has followed for so long that
   * only a new listing shows that the registry is still there. Throws where the connection fails, ends quietly where
   * the signal aborts.
   */
  follow(service: string, from: Listing, signal: AbortSignal): AsyncGenerator<Listing, void>;
}
