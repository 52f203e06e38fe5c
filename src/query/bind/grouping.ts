import { INT64, type Schema } from '../../columns/types.ts';
import { column, keyOf, rewrite } from './bound.ts';
import { sqlError } from './errors.ts';
import { uniqueNames } from './joins.ts';
import type { Bound, Logical, LogicalAggregate, WindowCall } from './logical.ts';
import { rewriteOuterInPlan } from './plan-expressions.ts';

/**
 * Collects the aggregates of a query's expressions and turns the expressions into ones over the aggregated
 * rows: keys first, then aggregates.
 */
export class Grouping {
  readonly keys: readonly Bound[];
  readonly aggregates: LogicalAggregate[] = [];
  /** The arguments of GROUPING calls, as ordinals of keys. */
  readonly groupings: number[][] = [];
  readonly #keyAt: ReadonlyMap<string, number>;
  readonly #aggregateAt = new Map<string, number>();

  constructor(keys: readonly Bound[]) {
    this.keys = keys;
    this.#keyAt = new Map(keys.map((key, i) => [keyOf(key), i]));
  }

  /** The expression over the aggregated row. Throws `invalid_sql` for a column that is neither grouped nor aggregated. */
  over(expression: Bound): Bound {
    return rewrite(expression, (part) => {
      const key = this.#keyAt.get(keyOf(part));
      if (key !== undefined && part.node !== 'literal') return column(key, part.type, part.at);
      if (part.node === 'aggregate') return this.#aggregate(part);
      if (part.node === 'call' && part.function === 'grouping') return this.#grouping(part);
      if (part.node === 'column') throw notGrouped(part.at);
      if (part.node === 'subquery') return this.#subquery(part);
      return undefined;
    });
  }

  #aggregate(call: Extract<Bound, { node: 'aggregate' }>): Bound {
    const key = keyOf(call);
    let at = this.#aggregateAt.get(key);
    if (at === undefined) {
      at = this.aggregates.length;
      this.#aggregateAt.set(key, at);
      const { node: _, ...aggregate } = call;
      this.aggregates.push(aggregate);
    }
    return column(this.keys.length + at, call.type, call.at);
  }

  /** GROUPING(a, b): columns behind the aggregates, found once all aggregates are known; see `groupingColumn`. */
  #grouping(call: Extract<Bound, { node: 'call' }>): Bound {
    const ordinals = call.args.map((arg) => {
      const key = this.#keyAt.get(keyOf(arg));
      if (key === undefined) throw sqlError('invalid_sql', arg.at, 'GROUPING takes expressions of GROUP BY');
      return key;
    });
    let at = this.groupings.findIndex((known) => known.join() === ordinals.join());
    if (at < 0) at = this.groupings.push(ordinals) - 1;
    return { ...call, function: 'grouping', args: [{ node: 'literal', value: BigInt(at), type: INT64, at: call.at }] };
  }

  /** Replaces what `over` left of GROUPING calls by their columns. */
  groupingColumn(expression: Bound): Bound {
    if (this.groupings.length === 0) return expression;
    const start = this.keys.length + this.aggregates.length;
    return rewrite(expression, (part) => {
      if (part.node !== 'call' || part.function !== 'grouping') return undefined;
      const [index] = part.args;
      return index.node === 'literal' ? column(start + Number(index.value), INT64, part.at) : undefined;
    });
  }

  /** A subquery sees the keys of the group its row stands for. */
  #subquery(part: Extract<Bound, { node: 'subquery' }>): Bound {
    const toKey = (outer: Extract<Bound, { node: 'outer' }>): Bound => {
      const key = this.#keyAt.get(keyOf(column(outer.index, outer.type, 0)));
      if (key === undefined) throw notGrouped(outer.at);
      return { ...outer, index: key };
    };
    return {
      ...part,
      arg: part.arg === null ? null : this.over(part.arg),
      plan: rewriteOuterInPlan(part.plan, 1, toKey),
    };
  }

  get schema(): Schema {
    return uniqueNames([
      ...this.keys.map((key, i) => ({ name: `$key${i}`, type: key.type, nullable: true })),
      ...this.aggregates.map((call, i) => ({ name: `$aggregate${i}`, type: call.type, nullable: true })),
    ]);
  }
}

function notGrouped(at: number) {
  return sqlError('invalid_sql', at, 'the column must be in GROUP BY or within an aggregate');
}

/**
 * The aggregated rows, once for every grouping set: keys outside the set are null. `keys` are the grouping's, as
 * they are over the input's rows.
 */
export function aggregatePlan(
  input: Logical,
  grouping: Grouping,
  keys: readonly Bound[],
  sets: readonly (readonly number[])[],
): Logical {
  const { aggregates, groupings, schema } = grouping;
  const whole = sets.length === 1 && sets[0].length === keys.length && groupings.length === 0;
  if (whole) return { op: 'aggregate', input, keys, aggregates, schema };
  const fullSchema = [...schema, ...groupings.map((_, i) => ({ name: `$grouping${i}`, type: INT64, nullable: false }))];
  const inputs = sets.map((set): Logical => {
    const aggregated: Logical = {
      op: 'aggregate',
      input,
      keys: set.map((key) => keys[key]),
      aggregates,
      schema: [...set.map((key) => schema[key]), ...schema.slice(keys.length)],
    };
    const expressions: Bound[] = [
      ...keys.map((key, i): Bound => {
        const at = set.indexOf(i);
        return at < 0 ? { node: 'literal', value: null, type: key.type, at: key.at } : column(at, key.type, key.at);
      }),
      ...aggregates.map((call, i) => column(set.length + i, call.type, call.at)),
      ...groupings.map((ordinals): Bound => {
        // A bit for each argument, the first the highest: 1 where the set does not group by it.
        const bits = ordinals.reduce((sum, key) => sum * 2n + (set.includes(key) ? 0n : 1n), 0n);
        return { node: 'literal', value: bits, type: INT64, at: 0 };
      }),
    ];
    return { op: 'project', input: aggregated, expressions, schema: fullSchema };
  });
  return inputs.length === 1 ? inputs[0] : { op: 'union', inputs, schema: fullSchema };
}

/** Collects window calls and turns expressions into ones over the rows with the calls' columns appended. */
export class Windows {
  readonly calls: WindowCall[] = [];
  readonly #width: number;
  readonly #at = new Map<string, number>();

  constructor(width: number) {
    this.#width = width;
  }

  over(expression: Bound): Bound {
    return rewrite(expression, (part) => {
      if (part.node !== 'window') return undefined;
      const key = keyOf(part);
      let at = this.#at.get(key);
      if (at === undefined) {
        const { node: _, ...call } = part;
        at = this.calls.push(call) - 1;
        this.#at.set(key, at);
      }
      return column(this.#width + at, part.type, part.at);
    });
  }

  plan(input: Logical): Logical {
    if (this.calls.length === 0) return input;
    const schema = uniqueNames([
      ...input.schema,
      ...this.calls.map((call, i) => ({ name: `$window${i}`, type: call.type, nullable: true })),
    ]);
    return { op: 'window', input, calls: this.calls, schema };
  }
}
