import type { IndexKindName } from '../columns/index-definition.ts';
import { btree } from './btree.ts';
import { fulltext } from './fulltext/fulltext.ts';
import type { IndexKind } from './index-file.ts';

/** Index kinds by name, as the engine knows them: a new kind is a line here. */
export type IndexKinds = ReadonlyMap<IndexKindName, IndexKind>;

/** The kinds that can be built, by name. */
export const INDEX_KINDS: IndexKinds = new Map([btree, fulltext].map((kind) => [kind.name, kind]));
