import type { Scalar } from '../../src/columns/column.ts';
import { compareScalars, sameScalar } from '../../src/columns/compare.ts';
import type { Expression } from '../../src/query/expression.ts';
import { castScalar } from '../../src/query/functions/cast.ts';
import type { AggregateCall, AggregatePlan, JoinPlan, Plan, SortKey } from '../../src/query/plan.ts';
import { functions } from './world.ts';

/** What an expression answers for one row: the definition the vectorised evaluation is held against. */
export function evaluateRow(expression: Expression, row: readonly Scalar[]): Scalar {
  switch (expression.node) {
    case 'column':
      return row[expression.index];
    case 'literal':
      return expression.value;
    case 'and':
    case 'or': {
      const decisive = expression.node === 'or';
      let answer: Scalar = !decisive;
      for (const arg of expression.args) {
        const value = evaluateRow(arg, row);
        if (value === decisive) return decisive;
        if (value === null) answer = null;
      }
      return answer;
    }
    case 'case': {
      for (const { when, then } of expression.branches) {
        if (evaluateRow(when, row) === true) return evaluateRow(then, row);
      }
      return expression.otherwise === null ? null : evaluateRow(expression.otherwise, row);
    }
    case 'cast':
      return castScalar(evaluateRow(expression.arg, row), expression.arg.type, expression.type, expression.lenient);
    case 'in': {
      const value = evaluateRow(expression.arg, row);
      if (value === null) return null;
      if (expression.values.some((member) => member !== null && sameScalar(member, value))) return !expression.negated;
      return expression.hasNull || expression.values.includes(null) ? null : expression.negated;
    }
    case 'call': {
      const called = functions.find(expression.function);
      if (called === undefined) throw new Error(`no function ${expression.function}`);
      const args = expression.args.map((arg) => evaluateRow(arg, row));
      if (called.strict && args.includes(null)) return null;
      return called.evaluate(
        args,
        expression.args.map((arg) => arg.type),
        expression.type,
      );
    }
  }
}

/** What a plan answers, a row at a time, in the plainest way. */
export function runReference(plan: Plan, tables: ReadonlyMap<string, readonly (readonly Scalar[])[]>): Scalar[][] {
  const input = (child: Plan) => runReference(child, tables);
  switch (plan.op) {
    case 'scan': {
      const table = tables.get(plan.dataset) ?? [];
      const kept = table.filter((row) => plan.filter === null || evaluateRow(plan.filter, row) === true);
      return kept.map((row) => plan.columns.map((ordinal) => row[ordinal]));
    }
    case 'values':
      return plan.rows.map((row) => row.map((expression) => evaluateRow(expression, [])));
    case 'filter':
      return input(plan.input).filter((row) => evaluateRow(plan.predicate, row) === true);
    case 'project':
      return input(plan.input).map((row) => plan.expressions.map((expression) => evaluateRow(expression, row)));
    case 'aggregate':
      return aggregate(plan, input(plan.input));
    case 'join':
      return join(plan, input(plan.left), input(plan.right));
    case 'sort': {
      const sorted = input(plan.input).sort((a, b) => compareRows(plan.keys, a, b));
      return sorted.slice(plan.offset, plan.limit === null ? undefined : plan.offset + plan.limit);
    }
    case 'limit':
      return input(plan.input).slice(plan.offset, plan.limit === null ? undefined : plan.offset + plan.limit);
    case 'distinct':
      return distinctOf(input(plan.input));
    case 'union':
      return plan.inputs.flatMap(input);
    case 'fallback':
      throw new Error('the reference has no fallback');
  }
}

export function compareRows(keys: readonly SortKey[], a: readonly Scalar[], b: readonly Scalar[]): number {
  for (const { expression, descending, nullsFirst } of keys) {
    const [x, y] = [evaluateRow(expression, a), evaluateRow(expression, b)];
    if (x === null && y === null) continue;
    if (x === null || y === null) return (x === null) === nullsFirst ? -1 : 1;
    const order = compareScalars(x, y);
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}

function sameRow(a: readonly Scalar[], b: readonly Scalar[]): boolean {
  return a.every((value, i) => sameScalar(value, b[i]));
}

function distinctOf(rows: readonly Scalar[][]): Scalar[][] {
  const out: Scalar[][] = [];
  for (const row of rows) if (!out.some((other) => sameRow(row, other))) out.push(row);
  return out;
}

function aggregate(plan: AggregatePlan, rows: readonly Scalar[][]): Scalar[][] {
  const groups: { keys: Scalar[]; rows: Scalar[][] }[] = plan.keys.length === 0 ? [{ keys: [], rows: [] }] : [];
  for (const row of rows) {
    const keys = plan.keys.map((key) => evaluateRow(key, row));
    const group = groups.find((candidate) => sameRow(candidate.keys, keys));
    if (group === undefined) groups.push({ keys, rows: [row] });
    else group.rows.push(row);
  }
  return groups.map((group) => [...group.keys, ...plan.aggregates.map((call) => aggregateValue(call, group.rows))]);
}

function aggregateValue(call: AggregateCall, rows: readonly Scalar[][]): Scalar {
  const { arg, filter } = call;
  const counted = filter === null ? rows : rows.filter((row) => evaluateRow(filter, row) === true);
  if (arg === null) return BigInt(counted.length);
  let values = counted.map((row) => evaluateRow(arg, row)).filter((value) => value !== null);
  if (call.distinct)
    values = distinctOf(values.map((value) => [value])).map(([value]) => value as (typeof values)[number]);
  if (call.function === 'count') return BigInt(values.length);
  if (values.length === 0) return null;
  const ordered = [...values].sort(compareScalars);
  const unit = arg.type.kind === 'decimal' ? 10 ** arg.type.scale : 1;
  const numbers = values.map(Number);
  switch (call.function) {
    case 'sum':
    case 'avg': {
      const sum =
        arg.type.kind === 'double'
          ? numbers.reduce((a, b) => a + b, 0)
          : (values as bigint[]).reduce((a, b) => a + b, 0n);
      if (call.function === 'avg') return Number(sum) / values.length / unit;
      return call.type.kind === 'double' ? Number(sum) : sum;
    }
    case 'min':
      return ordered[0];
    case 'max':
      return ordered[ordered.length - 1];
    case 'any_value':
      return values[0];
    case 'bool_and':
      return values.every((value) => value === true);
    case 'bool_or':
      return values.some((value) => value === true);
    case 'string_agg':
      return values.join(String(call.parameters[0]));
    case 'stddev_samp':
    case 'stddev_pop':
    case 'var_samp':
    case 'var_pop': {
      const divisor = values.length - (call.function.endsWith('samp') ? 1 : 0);
      if (divisor === 0) return null;
      const mean = numbers.reduce((a, b) => a + b, 0) / values.length;
      const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / divisor;
      return call.function.startsWith('stddev') ? Math.sqrt(variance) : variance;
    }
    default:
      throw new Error(`the reference does not compute ${call.function}`);
  }
}

function join(plan: JoinPlan, left: readonly Scalar[][], right: readonly Scalar[][]): Scalar[][] {
  const meets = (a: Scalar[], b: Scalar[]) => {
    const equal = plan.on.every((pair) => {
      const [x, y] = [evaluateRow(pair.left, a), evaluateRow(pair.right, b)];
      return x !== null && y !== null && compareScalars(x, y) === 0;
    });
    return equal && (plan.residual === null || evaluateRow(plan.residual, [...a, ...b]) === true);
  };
  const out: Scalar[][] = [];
  const nulls = (count: number): Scalar[] => new Array<Scalar>(count).fill(null);
  for (const a of left) {
    const met = right.filter((b) => meets(a, b));
    if (plan.kind === 'semi' || plan.kind === 'anti') {
      if (met.length > 0 === (plan.kind === 'semi')) out.push(a);
      continue;
    }
    for (const b of met) out.push([...a, ...b]);
    if (met.length === 0 && (plan.kind === 'left' || plan.kind === 'full')) {
      out.push([...a, ...nulls(plan.right.schema.length)]);
    }
  }
  if (plan.kind === 'right' || plan.kind === 'full') {
    for (const b of right) {
      if (!left.some((a) => meets(a, b))) out.push([...nulls(plan.left.schema.length), ...b]);
    }
  }
  return out;
}

/** A value that compares equal to another exactly where they are the same answer; doubles to 12 digits. */
export function comparable(value: Scalar): string {
  if (value === null) return 'null';
  if (typeof value === 'number')
    return value === 0 ? '0' : Number.isFinite(value) ? value.toPrecision(12) : String(value);
  if (value instanceof Uint8Array) return `x${Array.from(value).join(',')}`;
  return typeof value === 'bigint' ? `${value}n` : JSON.stringify(value);
}

export function comparableRows(rows: readonly (readonly Scalar[])[]): string[] {
  return rows.map((row) => row.map(comparable).join(' | '));
}
