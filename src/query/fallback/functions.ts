import type { Scalar } from '../../columns/column.ts';
import { compareScalars } from '../../columns/compare.ts';
import type { ColumnType } from '../../columns/types.ts';
import { assert, OrasiError } from '../../core/errors.ts';
import { locate } from '../bind/errors.ts';
import { type Accumulator, first } from '../functions/accumulators.ts';
import { findAggregate } from '../functions/aggregates.ts';
import { castScalar, doubleOfDecimal } from '../functions/cast.ts';
import { SCALAR_FUNCTIONS } from '../functions/catalogue.ts';
import type { FallbackFunction } from '../plan.ts';
import type { AggregateCallback, SqliteConnection } from './sqlite.ts';
import { fromSqlite, isWide, keyOfValues, type SqliteValue, sumOfWords, toSqlite, wordOf } from './values.ts';

/** Gives a connection the functions a statement calls, typed: values come in and go out as the plan says. */
export function setFunctions(connection: SqliteConnection, functions: readonly FallbackFunction[]): void {
  for (const definition of functions) {
    if (definition.kind === 'aggregate') connection.setAggregate(definition.name, aggregateOf(connection, definition));
    else {
      const compute = scalarOf(definition);
      connection.setScalar(definition.name, (values) => compute(argumentsOf(connection, values)));
    }
  }
}

function scalarOf(definition: Exclude<FallbackFunction, { kind: 'aggregate' }>): (args: SqliteValue[]) => SqliteValue {
  switch (definition.kind) {
    case 'scalar': {
      const called = SCALAR_FUNCTIONS.find(definition.function);
      assert(called !== undefined, `the catalogue has ${definition.function}`);
      const { argTypes, type } = definition;
      return (values) => {
        const args = values.map((value, i) => fromSqlite(value, argTypes[i]));
        if (called.strict && args.includes(null)) return null;
        return toSqlite(
          locate(definition.at, () => called.evaluate(args, argTypes, type)),
          type,
        );
      };
    }
    case 'cast':
      return ([value]) => {
        const { from, type, lenient } = definition;
        return toSqlite(
          locate(definition.at, () => castScalar(fromSqlite(value, from), from, type, lenient)),
          type,
        );
      };
    case 'word': {
      const { from, index } = definition;
      const words = isWide(from) ? 4 : 2;
      return ([value]) => {
        const scalar = fromSqlite(value, from);
        return scalar === null ? null : wordOf(BigInt(scalar as bigint), index, words);
      };
    }
    case 'sum':
    case 'mean':
      return (values) => {
        const words = values.slice(0, definition.words);
        if (words.includes(null)) return null;
        const sum = sumOfWords(words.map((word) => BigInt(word as bigint)));
        if (definition.kind === 'sum') return toSqlite(sum, definition.type);
        return doubleOfDecimal(sum, definition.scale) / Number(values[definition.words]);
      };
  }
}

/**
 * SQLite groups by sorting, so the groups of one call come one after another, and the state of the call on a
 * connection is the state of the group at hand.
 */
function aggregateOf(
  connection: SqliteConnection,
  definition: Extract<FallbackFunction, { kind: 'aggregate' }>,
): AggregateCallback {
  const { argTypes, distinct, orderBy, type } = definition;
  const seen = new Set<string>();
  let state = newState(definition);
  let rows: { args: Scalar[]; keys: Scalar[] }[] = [];
  return {
    step(values) {
      const all = argumentsOf(connection, values);
      if (distinct) {
        const key = keyOfValues(all.slice(0, argTypes.length));
        if (seen.has(key)) return;
        seen.add(key);
      }
      const args = argTypes.map((argType, i) => fromSqlite(all[i], argType));
      if (orderBy.length === 0) state.add(args);
      else rows.push({ args, keys: orderBy.map((key, i) => fromSqlite(all[argTypes.length + i], key.type)) });
    },
    final() {
      rows.sort((a, b) => compareKeys(a.keys, b.keys, orderBy));
      for (const { args } of rows) state.add(args);
      const answer = state.result();
      state = newState(definition);
      rows = [];
      seen.clear();
      return toSqlite(answer, type);
    },
  };
}

function newState(definition: Extract<FallbackFunction, { kind: 'aggregate' }>): Accumulator {
  if (definition.function === 'only_value') return onlyValue();
  const aggregate = findAggregate(definition.function);
  assert(aggregate !== undefined, `the catalogue has ${definition.function}`);
  return aggregate.create({ args: definition.argTypes, parameters: definition.parameters, type: definition.type });
}

/** The value of a subquery that may give one row at most. */
function onlyValue(): Accumulator {
  const value = first(false);
  let rows = 0;
  return {
    add(values) {
      rows++;
      if (rows > 1) throw new OrasiError('type_error', 'a subquery used as a value gave more than one row');
      value.add(values);
    },
    result: () => value.result(),
  };
}

function compareKeys(
  a: readonly Scalar[],
  b: readonly Scalar[],
  orderBy: readonly { readonly type: ColumnType; readonly descending: boolean; readonly nullsFirst: boolean }[],
): number {
  for (const [i, { descending, nullsFirst }] of orderBy.entries()) {
    const [x, y] = [a[i], b[i]];
    if (x === null && y === null) continue;
    if (x === null || y === null) return (x === null) === nullsFirst ? -1 : 1;
    const order = compareScalars(x, y);
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}

/** The arguments of a call. Their addresses are copied first: reading one may move SQLite's memory. */
function argumentsOf(connection: SqliteConnection, values: Uint32Array): SqliteValue[] {
  return Array.from(values).map((value) => connection.argument(value));
}
