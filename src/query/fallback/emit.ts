import type { Scalar } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import type { Bound, FrameBound, Logical, LogicalAggregate, LogicalSortKey, WindowCall } from '../bind/logical.ts';
import { planRefersOutside } from '../bind/plan-expressions.ts';
import type { FallbackFunction, FallbackPlan, FallbackRecursion, Plan } from '../plan.ts';
import { usesWorking } from './needs-sqlite.ts';
import { isWide } from './values.ts';

/**
 * Writes a logical plan as a statement for SQLite. SQLite does the relational work: joins, groups, windows,
 * correlated subqueries. What an expression means stays ours: only comparisons, logic, CASE and IN are
 * SQLite's, over values encoded so that its order and equality are the columns' own (values.ts); every other
 * call is a function of the catalogue.
 *
 * Parts of the plan that stand on their own become inputs, run by the column operators, where `isInput` allows it.
 */
export function emitFallback(
  plan: Logical,
  reason: string,
  lower: (part: Logical) => Plan,
  isInput: (part: Logical) => boolean = () => true,
): FallbackPlan {
  const emitter = new Emitter(lower, isInput);
  const sql = emitter.root(plan);
  return {
    op: 'fallback',
    sql,
    inputs: emitter.inputs,
    functions: emitter.functions,
    constants: emitter.constants,
    recursions: emitter.recursions,
    reason,
    schema: plan.schema,
  };
}

/** Something a FROM clause can name. */
type Source = string;

class Emitter {
  readonly inputs: Plan[] = [];
  readonly functions: FallbackFunction[] = [];
  readonly constants: { value: Scalar; type: ColumnType }[] = [];
  readonly recursions: FallbackRecursion[] = [];
  readonly #lower: (part: Logical) => Plan;
  readonly #isInput: (part: Logical) => boolean;
  readonly #known = new Map<string, string>();
  /** Tables of recursions in progress, by id. */
  readonly #working = new Map<number, string>();
  /** How the rows of the enclosing queries are called, the innermost last; each by its column. */
  readonly #rows: ((index: number) => string)[] = [];
  #tables = 0;

  constructor(lower: (part: Logical) => Plan, isInput: (part: Logical) => boolean) {
    this.#lower = lower;
    this.#isInput = isInput;
  }

  /** The node this statement was begun for. */
  root(plan: Logical): string {
    return this.#node(plan);
  }

  /** The plan as a SELECT whose columns are c0, c1, …. */
  select(plan: Logical): string {
    if (this.#standsAlone(plan)) return `SELECT ${columnList(plan.schema.length)} FROM ${this.#input(plan)}`;
    return this.#node(plan);
  }

  #standsAlone(plan: Logical): boolean {
    return this.#isInput(plan) && !planRefersOutside(plan) && !usesWorking(plan);
  }

  #input(plan: Logical): Source {
    this.inputs.push(this.#lower(plan));
    return `input${this.inputs.length - 1}`;
  }

  #source(plan: Logical): Source {
    if (this.#standsAlone(plan)) return this.#input(plan);
    if (plan.op === 'working') return this.#workingTable(plan.id);
    return `(${this.#node(plan)})`;
  }

  #workingTable(id: number): string {
    const name = this.#working.get(id);
    if (name === undefined) throw new Error('assertion failed: a working table is used within its recursion');
    return name;
  }

  #table(): string {
    return `t${this.#tables++}`;
  }

  #node(plan: Logical): string {
    switch (plan.op) {
      case 'working':
        return `SELECT ${columnList(plan.schema.length)} FROM ${this.#workingTable(plan.id)}`;
      case 'scan':
        throw new Error('assertion failed: a scan stands alone');
      case 'values':
        return this.#values(plan.rows);
      case 'union':
        return plan.inputs
          .map((input) => `SELECT ${columnList(plan.schema.length)} FROM ${this.#source(input)}`)
          .join(' UNION ALL ');
      case 'join':
        return this.#join(plan);
      case 'recursive':
        return this.#recursive(plan);
      default:
        return this.#over(plan);
    }
  }

  #values(rows: readonly (readonly Bound[])[]): string {
    const none: (index: number) => string = () => 'NULL';
    return rows
      .map((row) => {
        if (row.length === 0) return 'SELECT 1';
        return `SELECT ${row.map((value, i) => `${this.#within(none, () => this.#expression(value))} AS c${i}`).join(', ')}`;
      })
      .join(' UNION ALL ');
  }

  /** A node over one input, whose row is in sight of its expressions. */
  #over(plan: Exclude<Logical, { op: 'working' | 'scan' | 'values' | 'union' | 'join' | 'recursive' }>): string {
    const source = this.#source(plan.input);
    const table = this.#table();
    const from = `FROM ${source} AS ${table}`;
    const own = (index: number) => `${table}.c${index}`;
    const all = plan.input.schema.map((_, i) => `${own(i)} AS c${i}`).join(', ') || '1 AS c0';
    return this.#within(own, () => {
      switch (plan.op) {
        case 'filter':
          return `SELECT ${all} ${from} WHERE ${this.#expression(plan.predicate)}`;
        case 'project':
          return `SELECT ${plan.expressions.map((expression, i) => `${this.#expression(expression)} AS c${i}`).join(', ') || '1 AS c0'} ${from}`;
        case 'distinct':
          return `SELECT DISTINCT ${all} ${from}`;
        case 'limit':
          return `SELECT ${all} ${from} LIMIT ${plan.limit ?? -1} OFFSET ${plan.offset}`;
        case 'sort': {
          const limit =
            plan.limit === null && plan.offset === 0 ? '' : ` LIMIT ${plan.limit ?? -1} OFFSET ${plan.offset}`;
          return `SELECT ${all} ${from} ORDER BY ${this.#sortKeys(plan.keys)}${limit}`;
        }
        case 'aggregate': {
          const keys = plan.keys.map((key) => this.#expression(key));
          const outputs = [...keys, ...plan.aggregates.map((aggregate) => this.#aggregate(aggregate))];
          const grouping = keys.length === 0 ? '' : ` GROUP BY ${keys.map((_, i) => i + 1).join(', ')}`;
          return `SELECT ${outputs.map((output, i) => `${output} AS c${i}`).join(', ')} ${from}${grouping}`;
        }
        case 'window': {
          const width = plan.input.schema.length;
          const calls = plan.calls.map((call, i) => `${this.#window(call)} AS c${width + i}`).join(', ');
          return `SELECT ${width === 0 ? '' : `${all}, `}${calls} ${from}`;
        }
      }
    });
  }

  /** Runs with a row in sight of expressions, and the rows before as enclosing ones. */
  #within<T>(row: (index: number) => string, write: () => T): T {
    this.#rows.push(row);
    try {
      return write();
    } finally {
      this.#rows.pop();
    }
  }

  #join(plan: Extract<Logical, { op: 'join' }>): string {
    const [left, right] = [this.#source(plan.left), this.#source(plan.right)];
    const [a, b] = [this.#table(), this.#table()];
    const width = plan.left.schema.length;
    const ofLeft = (index: number) => `${a}.c${index}`;
    const ofRight = (index: number) => `${b}.c${index}`;
    const both = (index: number) => (index < width ? ofLeft(index) : ofRight(index - width));
    const conditions = plan.on.map((pair) => {
      const one = this.#within(ofLeft, () => this.#expression(pair.left));
      const other = this.#within(ofRight, () => this.#expression(pair.right));
      return `${one} = ${other}`;
    });
    const { residual } = plan;
    if (residual !== null) conditions.push(this.#within(both, () => this.#expression(residual)));
    const on = conditions.length === 0 ? '1' : balanced(conditions, ' AND ');
    const ownColumns = plan.left.schema.map((_, i) => `${ofLeft(i)} AS c${i}`).join(', ') || '1 AS c0';
    if (plan.kind === 'semi' || plan.kind === 'anti') {
      const not = plan.kind === 'anti' ? 'NOT ' : '';
      return `SELECT ${ownColumns} FROM ${left} AS ${a} WHERE ${not}EXISTS (SELECT 1 FROM ${right} AS ${b} WHERE ${on})`;
    }
    const words = { inner: 'JOIN', cross: 'JOIN', left: 'LEFT JOIN', right: 'RIGHT JOIN', full: 'FULL JOIN' };
    const outputs = plan.schema.map((_, i) => `${both(i)} AS c${i}`).join(', ') || '1 AS c0';
    return `SELECT ${outputs} FROM ${left} AS ${a} ${words[plan.kind]} ${right} AS ${b} ON ${on}`;
  }

  #recursive(plan: Extract<Logical, { op: 'recursive' }>): string {
    const base = this.select(plan.base);
    const name = `recursive${this.recursions.length}`;
    // Its place is taken before the step is written, for the step may hold recursions of its own.
    const recursion = { name, base, step: '', all: plan.all, schema: plan.schema };
    this.#working.set(plan.id, `${name}_working`);
    const step = this.select(plan.step);
    this.recursions.push({ ...recursion, step });
    return `SELECT ${columnList(plan.schema.length)} FROM ${name}`;
  }

  #sortKeys(keys: readonly LogicalSortKey[]): string {
    return keys
      .map(({ expression, descending, nullsFirst }) => {
        return `${this.#expression(expression)} ${descending ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`;
      })
      .join(', ');
  }

  #filterClause(filter: Bound | null): string {
    return filter === null ? '' : ` FILTER (WHERE ${this.#expression(filter)})`;
  }

  #aggregate(aggregate: LogicalAggregate): string {
    const filter = this.#filterClause(aggregate.filter);
    const distinct = aggregate.distinct ? 'DISTINCT ' : '';
    const args = aggregate.args.map((arg) => this.#expression(arg));
    switch (aggregate.function) {
      case 'count_all':
        return `count(*)${filter}`;
      case 'count':
        return `count(${distinct}${args[0]})${filter}`;
      case 'min':
      case 'max':
        return `${aggregate.function}(${args[0]})${filter}`;
    }
    const orderBy = aggregate.orderBy.map(({ expression, descending, nullsFirst }) => ({
      type: expression.type,
      descending,
      nullsFirst,
    }));
    const name = this.#function({
      kind: 'aggregate',
      // Each call keeps its own state, so no two share a name.
      name: `a${this.functions.length}`,
      function: aggregate.function,
      distinct: aggregate.distinct,
      argTypes: aggregate.args.map((arg) => arg.type),
      parameters: aggregate.parameters,
      orderBy,
      type: aggregate.type,
    });
    const all = [...args, ...aggregate.orderBy.map(({ expression }) => this.#expression(expression))];
    return `${name}(${all.join(', ')})${filter}`;
  }

  #window(call: WindowCall): string {
    const partition = call.partitionBy.map((key) => this.#expression(key)).join(', ');
    const order = this.#sortKeys(call.orderBy);
    const clauses = [
      partition === '' ? '' : `PARTITION BY ${partition}`,
      order === '' ? '' : `ORDER BY ${order}`,
      takesFrame(call.function) ? this.#frame(call) : '',
    ];
    const over = ` OVER (${clauses.filter((clause) => clause !== '').join(' ')})`;
    const filtered = `${this.#filterClause(call.filter)}${over}`;
    const args = call.args.map((arg) => this.#expression(arg));
    switch (call.function) {
      case 'count_all':
        return `count(*)${filtered}`;
      case 'bool_and':
        return `min(${args[0]})${filtered}`;
      case 'bool_or':
        return `max(${args[0]})${filtered}`;
      case 'string_agg':
        return `group_concat(${args.join(', ')})${filtered}`;
      case 'sum':
      case 'avg':
        return this.#windowSum(call, args[0], filtered);
      case 'count':
      case 'min':
      case 'max':
        return `${call.function}(${args[0]})${filtered}`;
      default:
        return `${call.function}(${args.join(', ')})${over}`;
    }
  }

  /** Sums of integers word by word, since SQLite's own stop at 64 bits; of doubles as they are, NaN kept. */
  #windowSum(call: WindowCall, arg: string, over: string): string {
    const { type } = call.args[0];
    if (type.kind === 'double') {
      // NaN is a blob, which is the greatest value and which SQLite would add as 0.
      return `CASE WHEN typeof(max(${arg})${over}) = 'blob' THEN max(${arg})${over} ELSE ${call.function}(${arg})${over} END`;
    }
    const words = isWide(type) ? 4 : 2;
    const parts = Array.from({ length: words }, (_, index) => {
      const word = this.#function({ kind: 'word', name: `f${this.functions.length}`, index, from: type });
      return `sum(${word}(${arg}))${over}`;
    });
    const scale = type.kind === 'decimal' ? type.scale : 0;
    const kind = call.function === 'avg' ? 'mean' : 'sum';
    const combine = this.#function({ kind, name: `f${this.functions.length}`, words, scale, type: call.type });
    if (kind === 'mean') parts.push(`count(${arg})${over}`);
    return `${combine}(${parts.join(', ')})`;
  }

  #frame({ frame }: WindowCall): string {
    const bound = (side: FrameBound): string => {
      switch (side.kind) {
        case 'unboundedPreceding':
          return 'UNBOUNDED PRECEDING';
        case 'unboundedFollowing':
          return 'UNBOUNDED FOLLOWING';
        case 'currentRow':
          return 'CURRENT ROW';
        default:
          return `${side.offset} ${side.kind === 'preceding' ? 'PRECEDING' : 'FOLLOWING'}`;
      }
    };
    const exclusions = { none: '', currentRow: ' EXCLUDE CURRENT ROW', group: ' EXCLUDE GROUP', ties: ' EXCLUDE TIES' };
    const mode = frame.mode.toUpperCase();
    return `${mode} BETWEEN ${bound(frame.start)} AND ${bound(frame.end)}${exclusions[frame.exclude]}`;
  }

  #function(definition: FallbackFunction): string {
    const shared = definition.kind !== 'aggregate';
    const key = JSON.stringify({ ...definition, name: '' });
    const known = shared ? this.#known.get(key) : undefined;
    if (known !== undefined) return known;
    this.functions.push(definition);
    if (shared) this.#known.set(key, definition.name);
    return definition.name;
  }

  #constant(value: Scalar, type: ColumnType): string {
    if (value === null) return 'NULL';
    if (typeof value === 'boolean') return value ? '1' : '0';
    this.constants.push({ value, type });
    return `?${this.constants.length}`;
  }

  #expression(expression: Bound): string {
    switch (expression.node) {
      case 'column':
        return this.#row(0)(expression.index);
      case 'outer':
        return this.#row(expression.depth)(expression.index);
      case 'literal':
        return this.#constant(expression.value, expression.type);
      case 'and':
      case 'or':
        return balanced(
          expression.args.map((arg) => this.#expression(arg)),
          expression.node === 'and' ? ' AND ' : ' OR ',
        );
      case 'case': {
        const branches = expression.branches.map(
          ({ when, then }) => `WHEN ${this.#expression(when)} THEN ${this.#expression(then)}`,
        );
        const otherwise = expression.otherwise === null ? '' : ` ELSE ${this.#expression(expression.otherwise)}`;
        return `CASE ${branches.join(' ')}${otherwise} END`;
      }
      case 'in': {
        const values = expression.values.map((value) => this.#constant(value, expression.arg.type));
        if (expression.hasNull) values.push('NULL');
        return `(${this.#expression(expression.arg)} ${expression.negated ? 'NOT IN' : 'IN'} (${values.join(', ')}))`;
      }
      case 'cast': {
        const { arg, lenient, type } = expression;
        const name = this.#function({
          kind: 'cast',
          name: `f${this.functions.length}`,
          from: arg.type,
          lenient,
          type,
          at: expression.at,
        });
        return `${name}(${this.#expression(arg)})`;
      }
      case 'call':
        return this.#call(expression);
      case 'subquery':
        return this.#subquery(expression);
      case 'interval':
      case 'aggregate':
      case 'window':
        throw new Error(`assertion failed: ${expression.node} is gone before a plan is written`);
    }
  }

  /** The row `depth` queries out. */
  #row(depth: number): (index: number) => string {
    const row = this.#rows.at(-1 - depth);
    if (row === undefined) throw new Error('assertion failed: a reference leaves the statement');
    return row;
  }

  #call(call: Extract<Bound, { node: 'call' }>): string {
    const args = call.args.map((arg) => this.#expression(arg));
    const [left, right] = args;
    switch (call.function) {
      case '=':
      case '<>':
      case '<':
      case '<=':
      case '>':
      case '>=':
        return `(${left} ${call.function} ${right})`;
      case 'not':
        return `(NOT ${left})`;
      case 'is_null':
        return `(${left} IS NULL)`;
      case 'is_not_null':
        return `(${left} IS NOT NULL)`;
      case 'is_distinct_from':
        return `(${left} IS NOT ${right})`;
      case 'is_not_distinct_from':
        return `(${left} IS ${right})`;
      case 'coalesce':
        return args.length === 1 ? left : `coalesce(${args.join(', ')})`;
    }
    const name = this.#function({
      kind: 'scalar',
      name: `f${this.functions.length}`,
      function: call.function,
      argTypes: call.args.map((arg) => arg.type),
      type: call.type,
      at: call.at,
    });
    return `${name}(${args.join(', ')})`;
  }

  #subquery(subquery: Extract<Bound, { node: 'subquery' }>): string {
    const not = subquery.negated ? 'NOT ' : '';
    switch (subquery.kind) {
      case 'exists':
        return `(${not}EXISTS (${this.select(subquery.plan)}))`;
      case 'in':
        return `(${subquery.arg === null ? 'NULL' : this.#expression(subquery.arg)} ${not}IN (${this.select(subquery.plan)}))`;
      case 'scalar': {
        // SQLite takes the first of several rows; a value must be the only one.
        const value = `SELECT c0 FROM (${this.select(subquery.plan)})`;
        if (atMostOneRow(subquery.plan)) return `(${value})`;
        const name = this.#function({
          kind: 'aggregate',
          name: `a${this.functions.length}`,
          function: 'only_value',
          distinct: false,
          argTypes: [subquery.type],
          parameters: [],
          orderBy: [],
          type: subquery.type,
        });
        return `(SELECT ${name}(c0) FROM (${this.select(subquery.plan)}))`;
      }
    }
  }
}

function atMostOneRow(plan: Logical): boolean {
  switch (plan.op) {
    case 'aggregate':
      return plan.keys.length === 0;
    case 'project':
    case 'filter':
      return atMostOneRow(plan.input);
    case 'values':
      return plan.rows.length <= 1;
    case 'sort':
    case 'limit':
      return plan.limit !== null && plan.limit <= 1;
    default:
      return false;
  }
}

/** Halves within halves: SQLite refuses trees deeper than 1000, and a chain is as deep as it is long. */
function balanced(parts: readonly string[], operator: string): string {
  if (parts.length === 1) return parts[0];
  const half = parts.length >> 1;
  return `(${balanced(parts.slice(0, half), operator)}${operator}${balanced(parts.slice(half), operator)})`;
}

function columnList(width: number): string {
  return width === 0 ? '1 AS c0' : Array.from({ length: width }, (_, i) => `c${i}`).join(', ');
}

/** Ranks and neighbours look at the whole partition; SQLite refuses no frame there but ignores it. */
function takesFrame(name: string): boolean {
  return !['row_number', 'rank', 'dense_rank', 'percent_rank', 'cume_dist', 'ntile', 'lag', 'lead'].includes(name);
}
