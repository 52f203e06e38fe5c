import type { Scalar } from '../../columns/column.ts';
import { compareScalars, sameScalar } from '../../columns/compare.ts';
import { BOOL, type ColumnType, INT64 } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { commonTypeOf, comparisonType } from './coercion.ts';
import { define, type ScalarFunctionDefinition } from './definition.ts';

function comparison(name: string, test: (order: number) => boolean): ScalarFunctionDefinition {
  return define({
    name,
    resolve(args) {
      if (args.length !== 2) return undefined;
      const type = comparisonType(args[0], args[1]);
      return type === undefined ? undefined : { args: [type, type], type: BOOL };
    },
    evaluate: ([left, right]) => (left === null || right === null ? null : test(compareScalars(left, right))),
  });
}

/** Like a comparison, but null is a value: it is the same as null and distinct from all else. */
function distinction(name: string, distinct: boolean): ScalarFunctionDefinition {
  const equal = comparison(name, (order) => order === 0);
  return {
    ...equal,
    strict: false,
    evaluate: ([left, right]) => sameScalar(left, right) !== distinct,
  };
}

/** A function whose arguments and answer share the type they have in common; nulls are skipped. */
function choice(
  name: string,
  aliases: readonly string[],
  choose: (values: readonly Exclude<Scalar, null>[]) => Scalar,
): ScalarFunctionDefinition {
  return define({
    name,
    aliases,
    strict: false,
    resolve(args) {
      const type = args.length === 0 ? undefined : commonTypeOf(args);
      return type === undefined ? undefined : { args: args.map(() => type), type };
    },
    evaluate: (args) => choose(args.filter((value) => value !== null)),
  });
}

function extreme(values: readonly Exclude<Scalar, null>[], sign: number): Scalar {
  let best: Scalar = null;
  for (const value of values) if (best === null || compareScalars(value, best) * sign > 0) best = value;
  return best;
}

const anyBool = (types: readonly ColumnType[]) => ({ args: types, type: BOOL });

export const COMPARISON_FUNCTIONS: readonly ScalarFunctionDefinition[] = [
  comparison('=', (order) => order === 0),
  comparison('<>', (order) => order !== 0),
  comparison('<', (order) => order < 0),
  comparison('<=', (order) => order <= 0),
  comparison('>', (order) => order > 0),
  comparison('>=', (order) => order >= 0),
  distinction('is_distinct_from', true),
  distinction('is_not_distinct_from', false),
  define({ name: 'not', signatures: [anyBool([BOOL])], evaluate: ([value]) => value !== true }),
  define({
    name: 'is_null',
    strict: false,
    resolve: (args) => (args.length === 1 ? anyBool([args[0].type]) : undefined),
    evaluate: ([value]) => value === null,
  }),
  define({
    name: 'is_not_null',
    strict: false,
    resolve: (args) => (args.length === 1 ? anyBool([args[0].type]) : undefined),
    evaluate: ([value]) => value !== null,
  }),
  // The value of a subquery that must give at most one row: `only_row(value, rows)`.
  define({
    name: 'only_row',
    strict: false,
    resolve: (args) => (args.length === 2 ? { args: [args[0].type, INT64], type: args[0].type } : undefined),
    evaluate([value, rows]) {
      if (typeof rows === 'bigint' && rows > 1n) {
        throw new OrasiError('type_error', 'a subquery used as a value gave more than one row');
      }
      return value;
    },
  }),
  choice('coalesce', ['ifnull', 'nvl'], (values) => values[0] ?? null),
  choice('greatest', [], (values) => extreme(values, 1)),
  choice('least', [], (values) => extreme(values, -1)),
  define({
    name: 'nullif',
    strict: false,
    resolve(args) {
      if (args.length !== 2) return undefined;
      const type = comparisonType(args[0], args[1]);
      return type === undefined ? undefined : { args: [type, type], type };
    },
    evaluate([left, right]) {
      return sameScalar(left, right) ? null : left;
    },
  }),
];
