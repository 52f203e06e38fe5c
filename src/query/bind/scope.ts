import type { ColumnType } from '../../columns/types.ts';
import type { Node } from '../parse/ast.ts';
import { column } from './bound.ts';
import { sqlError } from './errors.ts';
import type { Bound } from './logical.ts';

export interface ScopeColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Ordinal in the row of the FROM clause. */
  readonly index: number;
}

/** A table, subquery or function of the FROM clause under the name it is called by. */
export interface Relation {
  readonly alias: string;
  readonly columns: readonly ScopeColumn[];
  /** Where the scan's `$score` is in the row, for relations that are scans. */
  readonly score: number | null;
}

/** A column that USING or NATURAL made of two. */
export interface MergedColumn {
  readonly name: string;
  readonly expression: Bound;
}

/** The names an expression can use: those of its own FROM clause, then those of the queries around it. */
export class Scope {
  readonly relations: Relation[] = [];
  readonly merged: MergedColumn[] = [];
  /** What the select list calls its expressions, by lower-case name: usable where no column has the name. */
  readonly aliases = new Map<string, Node>();
  readonly parent: Scope | null;
  readonly #searched = new Set<Relation>();

  constructor(parent: Scope | null) {
    this.parent = parent;
  }

  /** The column a name stands for in this FROM clause. Throws `invalid_sql` where it stands for two. */
  findColumn(name: string, at: number): Bound | undefined {
    const merged = this.merged.filter((candidate) => sameName(candidate.name, name));
    if (merged.length === 1) return { ...merged[0].expression, at };
    const found = this.relations.flatMap((relation) =>
      relation.columns.filter((candidate) => sameName(candidate.name, name)).map((match) => ({ relation, match })),
    );
    const exact = found.filter(({ match }) => match.name === name);
    const candidates = exact.length === 1 ? exact : found;
    if (candidates.length > 1) {
      const where = candidates.map(({ relation }) => relation.alias).join(' and ');
      throw sqlError('invalid_sql', at, `the column ${name} is ambiguous: it is in ${where}`);
    }
    const [only] = candidates;
    return only === undefined ? undefined : column(only.match.index, only.match.type, at);
  }

  findRelation(name: string): Relation | undefined {
    return (
      this.relations.find((relation) => relation.alias === name) ??
      this.relations.find((relation) => sameName(relation.alias, name))
    );
  }

  /** Remembers that the scan a column is of is searched. */
  noteMatch(index: number): void {
    const searched = this.relations.find((relation) => relation.columns.some((column) => column.index === index));
    if (searched !== undefined) this.#searched.add(searched);
  }

  /** The hidden column `SCORE()` reads: of the one table that is searched. */
  scoreColumn(at: number): number {
    const scans = this.relations.filter((relation) => relation.score !== null);
    const candidates = this.#searched.size > 0 ? [...this.#searched] : scans;
    const [only] = candidates;
    if (candidates.length !== 1 || only.score === null) {
      throw sqlError('invalid_sql', at, 'SCORE() is of one table, searched with MATCH in WHERE');
    }
    return only.score;
  }

  /** The columns of `*`: table by table, a merged column once, where it first stands. */
  allColumns(at: number): { name: string; expression: Bound }[] {
    const seen = new Set<MergedColumn>();
    return this.relations.flatMap((relation) =>
      relation.columns.flatMap(({ name, index, type }) => {
        const merged = this.merged.find((candidate) => sameName(candidate.name, name));
        if (merged === undefined) return [{ name, expression: column(index, type, at) }];
        if (seen.has(merged)) return [];
        seen.add(merged);
        return [{ name, expression: { ...merged.expression, at } }];
      }),
    );
  }
}

/** Names are compared without case, as in DuckDB. */
export function sameName(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}

/** The names nearest to one that was not found, for an error's hint. */
export function nearNames(name: string, candidates: readonly string[]): string {
  const near = candidates
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, candidate.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
  return near.length === 0 ? '' : `; there is ${near.join(', ')}`;
}

/** Characters inserted, dropped, changed, or swapped with their neighbour. */
function editDistance(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? before[j - 2] + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(change, swap, previous[j] + 1, row[j - 1] + 1));
    }
    before = previous;
    previous = row;
  }
  return previous[b.length];
}
