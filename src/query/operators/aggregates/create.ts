import type { ColumnType } from '../../../columns/types.ts';
import { assert, OrasiError } from '../../../core/errors.ts';
import type { AggregateCall } from '../../plan.ts';
import type { Accumulator } from './accumulator.ts';
import { CountAccumulator, RowCounts } from './count.ts';
import { DistinctAccumulator } from './distinct.ts';
import { DistinctCountAccumulator } from './distinct-count.ts';
import { AnyValueAccumulator, extremeAccumulator } from './extreme.ts';
import { LogicalAccumulator } from './logical.ts';
import { MomentAccumulator } from './moments.ts';
import { QuantileAccumulator } from './quantile.ts';
import { StringAggAccumulator } from './string-agg.ts';
import { DoubleSumAccumulator, ExactSumAccumulator } from './sum.ts';

/** The empty state of an aggregate; `rows` counts the rows of the groups it is shown, of which there is `oneGroup` where there are no keys. Throws `unsupported_sql` where it has none for the argument's type. */
export function createAccumulator(call: AggregateCall, rows: RowCounts, oneGroup: boolean): Accumulator {
  if (call.arg === null) return new CountAccumulator(rows);
  // The extremes, and any value, are the same with repeats as without.
  const repeatsMatter = !['min', 'max', 'any_value', 'bool_and', 'bool_or'].includes(call.function);
  if (!call.distinct || !repeatsMatter) return createPlain(call, call.arg.type, rows);
  if (oneGroup && call.function === 'count') return new DistinctCountAccumulator(call.arg.type);
  const distinctRows = new RowCounts();
  return new DistinctAccumulator(createPlain(call, call.arg.type, distinctRows), distinctRows, call.arg.type, oneGroup);
}

function createPlain(call: AggregateCall, argType: ColumnType, rows: RowCounts): Accumulator {
  switch (call.function) {
    case 'count_all':
    case 'count':
      return new CountAccumulator(rows);
    case 'sum':
    case 'avg':
      return createSum(call, argType, rows);
    case 'min':
    case 'max':
      return extremeAccumulator(argType, call.function === 'max');
    case 'any_value':
      return new AnyValueAccumulator(argType);
    case 'bool_and':
      return new LogicalAccumulator('and');
    case 'bool_or':
      return new LogicalAccumulator('or');
    case 'stddev_samp':
    case 'stddev_pop':
    case 'var_samp':
    case 'var_pop':
      return new MomentAccumulator(call.function);
    case 'approx_quantile': {
      const [quantile] = call.parameters;
      assert(typeof quantile === 'number', 'approx_quantile has its quantile');
      return new QuantileAccumulator(call.type, quantile);
    }
    case 'string_agg': {
      const [separator = ','] = call.parameters;
      return new StringAggAccumulator(call.type, String(separator));
    }
  }
}

function createSum(call: AggregateCall, argType: ColumnType, rows: RowCounts): Accumulator {
  const mean = call.function === 'avg';
  switch (argType.kind) {
    case 'double':
      return new DoubleSumAccumulator(call.type, mean, rows);
    case 'int64':
    case 'decimal':
    case 'null':
      return new ExactSumAccumulator(argType, call.type, mean, rows);
    default:
      throw new OrasiError('unsupported_sql', `${call.function} of ${argType.kind} is not computed`);
  }
}
