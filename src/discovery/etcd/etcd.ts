import { LeasedBackend } from '../leased/backend.ts';
import type { EtcdOptions } from './gateway.ts';
import { EtcdStore } from './store.ts';

export interface EtcdBackendOptions extends EtcdOptions {
  /** Begins every key; ends in `/`. Default `/orasi/services/`. */
  readonly prefix?: string;
  /** A watch is begun anew from a listing after so long, which is how a silent connection is noticed; default 30 s. */
  readonly pollMs?: number;
}

/** etcd as a registry. */
export class EtcdBackend extends LeasedBackend {
  constructor(options: EtcdBackendOptions) {
    super('etcd', new EtcdStore(options), options.prefix);
  }
}
