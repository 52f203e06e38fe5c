import type { KvRefusal } from '../../core/protocol/cluster-kv.ts';

/** A call that is refused; thrown within the machine, so that a transaction begun is undone. */
export class KvRefused extends Error {
  readonly refusal: KvRefusal;

  constructor(refusal: KvRefusal, message: string) {
    super(message);
    this.name = 'KvRefused';
    this.refusal = refusal;
  }
}
