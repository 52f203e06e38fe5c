import type * as z from 'zod';
import type { KindStrategy } from './kind.ts';
import type { KindInfo } from './kind-info.ts';
import type { Reconciler } from './reconcile.ts';

/**
 * A built-in kind, whole: one file under `kinds/` declares one. The schema is a function, since zod only writes
 * it down: `scripts/build-kinds.ts` compiles it to the structural schema under `kinds/generated/`, and requests
 * meet that data alone.
 */
export interface KindDeclaration {
  readonly info: KindInfo;
  /** Of the object without apiVersion, kind and metadata. Unions are refused by the compiler. */
  readonly schema: () => z.ZodObject;
  readonly strategy?: KindStrategy;
  readonly reconciler?: Reconciler;
}
