import type { Scalar } from '../../src/columns/column.ts';
import type { ColumnType } from '../../src/columns/types.ts';
import type { Random } from '../../src/core/random.ts';
import { sqlText } from '../../src/query/functions/value-text.ts';
import type { TestTable } from './conformance/tables.ts';

/** The types the generator makes expressions of. */
type Kind = 'int64' | 'double' | 'decimal' | 'string' | 'bool' | 'date' | 'timestamp';

/** A column in scope: how it is written, its type, and values to compare it with. */
interface Name {
  readonly sql: string;
  readonly kind: Kind;
  readonly type: ColumnType;
  readonly samples: readonly Scalar[];
}

const KINDS: readonly Kind[] = ['int64', 'double', 'decimal', 'string', 'bool', 'date', 'timestamp'];

/**
 * Statements at random that mean the same here and in DuckDB: every one is ordered by all its columns, takes no
 * value out of range and uses only what both engines agree on. The same seed makes the same statements.
 */
export class QueryGenerator {
  readonly #random: Random;
  readonly #tables: readonly TestTable[];
  readonly #searches: readonly string[];
  #aliases = 0;

  /** With `searches`, a column named `body` is now and then searched for one of them with MATCH. */
  constructor(random: Random, tables: readonly TestTable[], searches: readonly string[] = []) {
    this.#random = random;
    this.#tables = tables.filter(({ rows }) => rows.length > 0);
    this.#searches = searches;
  }

  /** One statement. */
  next(): string {
    this.#aliases = 0;
    const shape = this.#below(10);
    if (shape === 0) return this.#setOperation();
    if (shape === 1) return this.#overSubquery();
    return this.#select(this.#below(2) === 0);
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)];
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  #namesOf(table: TestTable, alias: string): Name[] {
    return table.columns.flatMap(({ name, type }, i): Name[] => {
      const kind = KINDS.find((candidate) => candidate === type.kind);
      if (kind === undefined) return [];
      const samples = table.rows.map((row) => row[i]).filter((value) => value !== null);
      return [{ sql: `${alias}.${name}`, kind, type, samples }];
    });
  }

  #from(): { sql: string; names: Name[] } {
    const first = this.#table();
    if (this.#chance(0.6)) return first;
    const second = this.#table();
    const kind = this.#pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'JOIN']);
    const keys = first.names.flatMap((a) => second.names.filter((b) => b.kind === a.kind).map((b) => [a, b] as const));
    const comparable = keys.filter(([a]) => a.kind === 'int64' || a.kind === 'string' || a.kind === 'date');
    if (comparable.length === 0) return first;
    const [a, b] = this.#pick(comparable);
    const extra =
      kind === 'JOIN' && this.#chance(0.3) ? ` AND ${this.#condition([...first.names, ...second.names], 1)}` : '';
    return {
      sql: `${first.sql} ${kind} ${second.sql} ON ${a.sql} = ${b.sql}${extra}`,
      names: [...first.names, ...second.names],
    };
  }

  #table(): { sql: string; names: Name[] } {
    const table = this.#pick(this.#tables);
    const alias = `t${this.#aliases++}`;
    return { sql: `${table.name} AS ${alias}`, names: this.#namesOf(table, alias) };
  }

  #select(grouped: boolean): string {
    const from = this.#from();
    const where = this.#chance(0.7) ? ` WHERE ${this.#whereCondition(from.names)}` : '';
    if (!grouped) {
      const targets = this.#targets(from.names, 1 + this.#below(4));
      const distinct = this.#chance(0.2) ? 'DISTINCT ' : '';
      return this.#ordered(`SELECT ${distinct}${targets.join(', ')} FROM ${from.sql}${where}`, targets.length);
    }
    const keys = this.#targets(from.names, this.#below(3));
    const aggregates = Array.from({ length: 1 + this.#below(3) }, () => this.#aggregate(from.names));
    const groupBy = keys.length === 0 ? '' : ` GROUP BY ${keys.map((_, i) => i + 1).join(', ')}`;
    const having =
      keys.length > 0 && this.#chance(0.3) ? ` HAVING count(*) ${this.#pick(['>', '<=', '<>'])} ${this.#below(4)}` : '';
    const all = [...keys, ...aggregates];
    return this.#ordered(`SELECT ${all.join(', ')} FROM ${from.sql}${where}${groupBy}${having}`, all.length);
  }

  /** By every column, so that a limit takes the same rows everywhere. */
  #ordered(sql: string, width: number): string {
    const keys = Array.from({ length: width }, (_, i) => {
      return `${i + 1}${this.#pick(['', ' ASC', ' DESC'])}${this.#pick(['', '', ' NULLS FIRST', ' NULLS LAST'])}`;
    });
    const limit = this.#chance(0.3)
      ? ` LIMIT ${this.#below(12)}${this.#chance(0.3) ? ` OFFSET ${this.#below(5)}` : ''}`
      : '';
    return `${sql} ORDER BY ${keys.join(', ')}${limit}`;
  }

  #targets(names: readonly Name[], count: number): string[] {
    return Array.from({ length: count }, () => this.#expression(names, this.#pick(names).kind, 2));
  }

  #setOperation(): string {
    const [left, right] = [this.#table(), this.#table()];
    const kinds = [this.#pick(left.names).kind, this.#pick(left.names).kind];
    const side = ({ sql, names }: { sql: string; names: Name[] }) => {
      return `SELECT ${kinds.map((kind) => this.#expression(names, kind, 1)).join(', ')} FROM ${sql} WHERE ${this.#searched(names)}${this.#condition(names, 1)}`;
    };
    const operator = this.#pick(['UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT']);
    return this.#ordered(`${side(left)} ${operator} ${side(right)}`, 2);
  }

  #overSubquery(): string {
    const from = this.#from();
    const kinds = [this.#pick(from.names).kind, this.#pick(from.names).kind];
    const inner = kinds.map((kind, i) => `${this.#expression(from.names, kind, 1)} AS x${i}`);
    const names = kinds.map((kind, i): Name => ({ sql: `s.x${i}`, kind, type: typeOf(kind), samples: [] }));
    const condition = this.#condition(names, 1);
    const derived = `SELECT ${inner.join(', ')} FROM ${from.sql}`;
    if (this.#chance(0.5)) {
      return this.#ordered(`WITH s AS (${derived}) SELECT s.x0, s.x1 FROM s WHERE ${condition}`, 2);
    }
    return this.#ordered(`SELECT s.x0, count(*) FROM (${derived}) AS s WHERE ${condition} GROUP BY s.x0`, 2);
  }

  #aggregate(names: readonly Name[]): string {
    const filter = this.#chance(0.2) ? ` FILTER (WHERE ${this.#condition(names, 1)})` : '';
    const kind = this.#pick(names).kind;
    const argument = this.#expression(names, kind, 1);
    const choices = ['count', 'min', 'max'];
    if (kind === 'int64' || kind === 'decimal' || kind === 'double') choices.push('sum', 'avg', 'sum');
    if (kind === 'bool') choices.push('bool_and', 'bool_or');
    const called = this.#pick(choices);
    if (this.#chance(0.15)) return `count(*)${filter}`;
    const distinct = called === 'count' && this.#chance(0.4) ? 'DISTINCT ' : '';
    return `${called}(${distinct}${argument})${filter}`;
  }

  /** Conditions joined by AND, perhaps with a search or a subquery among them. */
  #whereCondition(names: readonly Name[]): string {
    return `${this.#searched(names)}${this.#narrowed(names)}${this.#subqueryCondition(names)}`;
  }

  /** Nothing, or a search to put before a condition: MATCH stands in WHERE, joined by AND. */
  #searched(names: readonly Name[]): string {
    const bodies = names.filter(({ sql }) => sql.endsWith('.body'));
    if (this.#searches.length === 0 || bodies.length === 0 || !this.#chance(0.35)) return '';
    return `MATCH(${this.#pick(bodies).sql}, '${this.#pick(this.#searches)}') AND `;
  }

  /** Nothing, or a comparison of the kind that an index answers by itself. */
  #narrowed(names: readonly Name[]): string {
    if (!this.#chance(0.35)) return '';
    const name = this.#pick(names);
    const constant = () => this.#constant(name, false);
    const condition = this.#pick([
      () => `${this.#pick(['=', '>', '>=', '<', '<='])} ${constant()}`,
      () => `IN (${constant()}, ${constant()}, ${constant()})`,
      () => `BETWEEN ${constant()} AND ${constant()}`,
    ]);
    return `${name.sql} ${condition()} AND `;
  }

  #subqueryCondition(names: readonly Name[]): string {
    if (!this.#chance(0.2)) return this.#condition(names, 2);
    const other = this.#table();
    const pairs = names.flatMap((a) =>
      other.names.filter((b) => b.kind === a.kind && a.kind !== 'double').map((b) => [a, b] as const),
    );
    if (pairs.length === 0) return this.#condition(names, 2);
    const [a, b] = this.#pick(pairs);
    const within = this.#chance(0.5) ? ` AND ${this.#condition(other.names, 1)}` : '';
    switch (this.#below(4)) {
      case 0:
        return `${a.sql} IN (SELECT ${b.sql} FROM ${other.sql} WHERE ${b.sql} IS NOT NULL${within})`;
      case 1:
        return `${a.sql} NOT IN (SELECT ${b.sql} FROM ${other.sql} WHERE ${this.#condition(other.names, 1)})`;
      case 2:
        return `EXISTS (SELECT 1 FROM ${other.sql} WHERE ${b.sql} = ${a.sql}${within})`;
      default:
        return `NOT EXISTS (SELECT 1 FROM ${other.sql} WHERE ${b.sql} = ${a.sql}${within})`;
    }
  }

  #condition(names: readonly Name[], depth: number): string {
    if (depth > 0 && this.#chance(0.35)) {
      const parts = [this.#condition(names, depth - 1), this.#condition(names, depth - 1)];
      return `(${parts.join(this.#pick([' AND ', ' OR ']))})`;
    }
    if (this.#chance(0.1)) return `NOT (${this.#condition(names, 0)})`;
    const name = this.#pick(names);
    const { sql, kind } = name;
    const operator = this.#pick(['=', '<>', '<', '<=', '>', '>=']);
    switch (this.#below(8)) {
      case 0:
        return `${sql} IS ${this.#pick(['', 'NOT '])}NULL`;
      case 1:
        return `${sql} ${this.#pick(['', 'NOT '])}BETWEEN ${this.#constant(name)} AND ${this.#constant(name)}`;
      case 2:
        return `${sql} ${this.#pick(['', 'NOT '])}IN (${[1, 2, 3].map(() => this.#constant(name)).join(', ')})`;
      case 3:
        if (kind === 'string')
          return `${sql} ${this.#pick(['LIKE', 'NOT LIKE', 'ILIKE'])} '${this.#pick(['a%', '%b', '%a%', '_b%', '%'])}'`;
        return `${sql} IS ${this.#pick(['', 'NOT '])}DISTINCT FROM ${this.#constant(name)}`;
      case 4:
        return `${this.#expression(names, kind, 1)} ${operator} ${this.#expression(names, kind, 1)}`;
      default:
        return `${sql} ${operator} ${this.#constant(name)}`;
    }
  }

  /** A constant of the column's type, mostly one of its values. */
  #constant({ kind, type, samples }: Name, mayBeNull = true): string {
    // DuckDB refuses a bare NULL where several functions could take it.
    if (mayBeNull && this.#chance(0.05)) return 'NULL';
    if (samples.length > 0 && this.#chance(0.7)) return literalOf(this.#pick(samples), type);
    switch (kind) {
      case 'int64':
        return this.#chance(0.2) ? `${this.#below(20)}.5` : String(this.#below(40) - 10);
      case 'double':
        return `${(this.#below(2000) - 500) / 16}`;
      case 'decimal':
        return `${this.#below(200)}.${this.#below(10)}${this.#below(10)}`;
      case 'string':
        return `'${this.#pick(['a', 'b', 'ab', 'Zoë', '', 'émile'])}'`;
      case 'bool':
        return this.#pick(['true', 'false']);
      case 'date':
        return `DATE '2024-0${1 + this.#below(9)}-1${this.#below(10)}'`;
      case 'timestamp':
        return `TIMESTAMP '2024-0${1 + this.#below(9)}-1${this.#below(10)} 0${this.#below(10)}:00:00'`;
    }
  }

  /** An expression of a kind; deeper ones compute. */
  #expression(names: readonly Name[], kind: Kind, depth: number): string {
    const own = names.filter((name) => name.kind === kind);
    const leaf = () =>
      own.length > 0 ? this.#pick(own).sql : this.#constant({ sql: '', kind, type: typeOf(kind), samples: [] }, false);
    if (depth === 0 || this.#chance(0.45)) return leaf();
    const inner = (inside: Kind = kind) => this.#expression(names, inside, depth - 1);
    if (this.#chance(0.15)) return `coalesce(${inner()}, ${leaf()})`;
    if (this.#chance(0.15)) return `CASE WHEN ${this.#condition(names, 0)} THEN ${inner()} ELSE ${leaf()} END`;
    switch (kind) {
      case 'int64':
        return this.#pick([
          () => `(${inner()} + ${this.#below(9)})`,
          () => `(${inner()} % ${1 + this.#below(7)})`,
          () => `(${inner()} // ${1 + this.#below(7)})`,
          () => `abs(${leaf()} % 1000)`,
          () => `length(${inner('string')})`,
          () => `year(${inner('date')})`,
          () => `greatest(${leaf()}, ${this.#below(9)})`,
        ])();
      case 'double':
        return this.#pick([
          () => `(${inner()} * 0.5)`,
          () => `(${inner()} + ${leaf()})`,
          () => `round(${leaf()}, 1)`,
          () => `floor(${leaf()})`,
          () => `(${inner('int64')} / 4)`,
        ])();
      case 'decimal':
        return this.#pick([
          () => `(${leaf()} + 1.25)`,
          () => `(${leaf()} * 2)`,
          () => `(-${leaf()})`,
          () => `abs(${leaf()})`,
        ])();
      case 'string':
        return this.#pick([
          () => `upper(${inner()})`,
          () => `(${leaf()} || '${this.#pick(['x', '-', 'é'])}')`,
          () => `substr(${inner()}, ${1 + this.#below(3)}, ${this.#below(4)})`,
          () => `replace(${leaf()}, 'a', 'o')`,
          () => `CAST(${inner('int64')} AS VARCHAR)`,
          () => `strftime(${leafOr(names, 'date', "DATE '2024-01-01'")}, '%Y-%m')`,
        ])();
      case 'bool':
        return `(${this.#condition(names, 0)})`;
      case 'date':
        return this.#pick([
          () => `(${leaf()} + ${this.#below(40)})`,
          () => `CAST(${inner('timestamp')} AS DATE)`,
          () => `last_day(${leaf()})`,
        ])();
      case 'timestamp':
        return this.#pick([
          () => `date_trunc('${this.#pick(['month', 'day', 'hour', 'week', 'year'])}', ${leaf()})`,
          () => `(${leaf()} + INTERVAL ${this.#below(40)} ${this.#pick(['DAY', 'HOUR', 'MONTH'])})`,
          () => `CAST(${leafOr(names, 'date', "DATE '2024-01-01'")} AS TIMESTAMP)`,
        ])();
    }
  }
}

function leafOr(names: readonly Name[], kind: Kind, otherwise: string): string {
  return names.find((name) => name.kind === kind)?.sql ?? otherwise;
}

function typeOf(kind: Kind): ColumnType {
  if (kind === 'decimal') return { kind, precision: 12, scale: 2 };
  if (kind === 'timestamp') return { kind, unit: 'us' };
  return { kind };
}

function literalOf(value: Scalar, type: ColumnType): string {
  if (value === null) return 'NULL';
  switch (type.kind) {
    case 'bool':
    case 'int64':
      return String(value);
    case 'double':
      return `${Number.isFinite(value) ? String(value) : `'${value}'`}::DOUBLE`;
    case 'decimal':
      return sqlText(value, type);
    case 'date':
      return `DATE '${sqlText(value, type)}'`;
    case 'timestamp':
      return `TIMESTAMP '${sqlText(value, type)}'`;
    default:
      return `'${String(value).replaceAll("'", "''")}'`;
  }
}
