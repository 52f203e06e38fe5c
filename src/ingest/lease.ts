import type { ClaimToken } from '../storage/ledger.ts';
import type { IngestPorts } from './ports.ts';

/** The claim is another's by now: nothing this attempt does would take effect, so it stops. */
export class ClaimLost extends Error {
  constructor() {
    super('the claim was lost');
    this.name = 'ClaimLost';
  }
}

/**
 * Keeps a claim alive while its work goes on. The function is called wherever the work has waited for I/O, which is
 * when an isolate's clock moves, and renews the lease once a third of it is gone. It throws `ClaimLost`.
 */
export function keepLease({ catalog, clock, limits }: IngestPorts, token: ClaimToken): () => Promise<void> {
  let renewedAtMs = clock.now();
  return async () => {
    if (clock.now() - renewedAtMs < limits.leaseMs / 3) return;
    if (!(await catalog.ledger.renew(token, limits.leaseMs))) throw new ClaimLost();
    renewedAtMs = clock.now();
  };
}
