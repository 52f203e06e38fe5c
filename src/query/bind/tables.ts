import type { CommonTables } from './context.ts';

/** No common table expression is in sight. */
export const NO_TABLES: CommonTables = { find: () => undefined };
