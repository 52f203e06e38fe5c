import type { Schema } from '../../columns/types.ts';
import type { SelectStmt } from '../parse/ast.ts';
import type { Marks } from '../parse/dialect.ts';
import type { Logical } from './logical.ts';
import type { Scope } from './scope.ts';

/** A value given for `$1`, `$2`, … or `?`. Text stands for whatever it is compared with or cast to. */
export type Parameter = null | boolean | number | bigint | string;

/** What every part of the binder shares while one statement is bound. */
export interface StatementContext {
  readonly marks: Marks;
  readonly parameters: readonly Parameter[];
  /** `now()`, the same everywhere in a statement; microseconds since the epoch. */
  readonly nowMicros: bigint;
  /** The schema of a dataset, or undefined where there is none of that name. */
  dataset(name: string): Schema | undefined;
  /** Binds a query nested in an expression or a FROM clause; `outer` is what it may refer to beyond itself. */
  bindQuery(select: SelectStmt, outer: Scope | null, tables: CommonTables): BoundQuery;
  nextId(): number;
  /** Counts parts of the statement. Throws `query_too_large` where it comes to too many. */
  spend(parts: number, at: number): void;
}

/** A bound query: its plan, whose schema names the columns. */
export interface BoundQuery {
  readonly plan: Logical;
}

/** Common table expressions in sight, by lower-case name. Each use binds the query anew: they are inlined. */
export interface CommonTables {
  find(name: string): CommonTable | undefined;
}

export type CommonTable =
  | { readonly kind: 'query'; bind(): BoundQuery }
  /** The table a recursive expression refers to itself by. */
  | { readonly kind: 'working'; readonly id: number; readonly schema: Schema };
