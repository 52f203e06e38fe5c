import type { Scalar } from '../../columns/column.ts';
import { BOOL, type ColumnType, DOUBLE, decimal, INT64, JSON_TYPE, STRING, TIMESTAMP } from '../../columns/types.ts';
import type { Accumulator } from './accumulators.ts';
import * as accumulate from './accumulators.ts';
import { isNumeric } from './cast.ts';
import type { ArgumentType } from './coercion.ts';
import { toJson } from './json-value.ts';
import { sqlText } from './value-text.ts';

/** How a call of an aggregate is typed. */
export interface AggregateSignature {
  /** What the arguments that vary by row are cast to. */
  readonly args: readonly ColumnType[];
  /** Constants the rest of the arguments gave: the quantile, the separator. */
  readonly parameters: readonly (number | string)[];
  readonly type: ColumnType;
}

/** An aggregate function: how calls are typed, and its reference implementation. */
export interface AggregateDefinition {
  readonly name: string;
  readonly aliases: readonly string[];
  /** The column operators know it; others run in the fallback executor. */
  readonly native: boolean;
  /** The answer depends on the order of rows, so that ORDER BY within the call matters. */
  readonly ordered: boolean;
  resolve(args: readonly ArgumentType[], constants: readonly (Scalar | undefined)[]): AggregateSignature | undefined;
  create(signature: AggregateSignature): Accumulator;
}

type Resolve = AggregateDefinition['resolve'];

const NUMBERS: Resolve = ([arg, ...rest]) => {
  if (arg === undefined || rest.length > 0) return undefined;
  if (!isNumeric(arg.type) && arg.type.kind !== 'null') return undefined;
  return { args: [DOUBLE], parameters: [], type: DOUBLE };
};

const PAIRS: Resolve = (args) =>
  args.length === 2 && args.every(({ type }) => isNumeric(type) || type.kind === 'null')
    ? { args: [DOUBLE, DOUBLE], parameters: [], type: DOUBLE }
    : undefined;

const ANY: Resolve = (args) => {
  if (args.length !== 1) return undefined;
  const type = args[0].type;
  return { args: [type], parameters: [], type };
};

const BOOLS: Resolve = ([arg, ...rest]) =>
  rest.length === 0 && (arg?.type.kind === 'bool' || arg?.type.kind === 'null')
    ? { args: [BOOL], parameters: [], type: BOOL }
    : undefined;

const INTEGERS: Resolve = ([arg, ...rest]) =>
  rest.length === 0 && (arg?.type.kind === 'int64' || arg?.type.kind === 'null')
    ? { args: [INT64], parameters: [], type: INT64 }
    : undefined;

const resolveSum: Resolve = ([arg, ...rest]) => {
  if (arg === undefined || rest.length > 0) return undefined;
  const { type } = arg;
  switch (type.kind) {
    case 'int64':
    case 'bool':
    case 'null':
      // 38 digits hold the sum of any number of rows: an int64 has 19.
      return { args: [INT64], parameters: [], type: decimal(38, 0) };
    case 'decimal':
      return { args: [type], parameters: [], type: decimal(38, type.scale) };
    case 'double':
      return { args: [DOUBLE], parameters: [], type: DOUBLE };
    default:
      return undefined;
  }
};

const resolveAverage: Resolve = (args) => {
  const [arg] = args;
  if (args.length !== 1) return undefined;
  if (arg.type.kind === 'decimal' || arg.type.kind === 'int64')
    return { args: [arg.type], parameters: [], type: DOUBLE };
  return NUMBERS(args, []);
};

/** The quantile is a constant from 0 to 1. */
function quantileOf(constant: Scalar | undefined, type: ColumnType | undefined): number | undefined {
  if (constant === undefined || constant === null || type === undefined) return undefined;
  const scale = type.kind === 'decimal' ? type.scale : 0;
  const quantile = Number(constant) / 10 ** scale;
  return quantile >= 0 && quantile <= 1 ? quantile : undefined;
}

/** Interpolated quantiles are of numbers or instants. */
function resolveContinuous(
  args: readonly ArgumentType[],
  quantile: number | undefined,
): AggregateSignature | undefined {
  if (quantile === undefined) return undefined;
  const { type } = args[0];
  if (type.kind === 'date' || type.kind === 'timestamp') {
    return { args: [TIMESTAMP], parameters: [quantile], type: TIMESTAMP };
  }
  const numbers = NUMBERS([args[0]], []);
  return numbers === undefined ? undefined : { ...numbers, parameters: [quantile] };
}

const resolveExtremeBy: Resolve = (args) =>
  args.length === 2 ? { args: [args[0].type, args[1].type], parameters: [], type: args[0].type } : undefined;

interface Definition {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly ordered?: boolean;
  readonly resolve: Resolve;
  readonly create: (signature: AggregateSignature) => Accumulator;
}

const aggregate = (native: boolean, { aliases = [], ordered = false, ...rest }: Definition): AggregateDefinition => ({
  ...rest,
  aliases,
  ordered,
  native,
});

/** The statistics that Welford's sums of powers give. */
const moment = (native: boolean, name: string, aliases: readonly string[], of: accumulate.Statistic) =>
  aggregate(native, { name, aliases, resolve: NUMBERS, create: () => accumulate.moments(of) });

const pair = (name: string, of: accumulate.PairStatistic) =>
  aggregate(false, { name, resolve: PAIRS, create: () => accumulate.pairs(of) });

export const AGGREGATES: readonly AggregateDefinition[] = [
  aggregate(true, {
    name: 'count_all',
    aliases: ['count_star'],
    resolve: (args) => (args.length === 0 ? { args: [], parameters: [], type: INT64 } : undefined),
    create: () => accumulate.countRows(),
  }),
  aggregate(true, {
    name: 'count',
    resolve: ([arg, ...rest]) =>
      arg === undefined || rest.length > 0 ? undefined : { args: [arg.type], parameters: [], type: INT64 },
    create: () => accumulate.countValues(),
  }),
  aggregate(true, {
    name: 'sum',
    aliases: ['fsum', 'kahan_sum', 'sumkahan'],
    resolve: resolveSum,
    create: ({ type }) => (type.kind === 'double' ? accumulate.sumDoubles() : accumulate.sumExact()),
  }),
  aggregate(true, {
    name: 'avg',
    aliases: ['mean', 'favg'],
    resolve: resolveAverage,
    create: ({ args: [type] }) => accumulate.average(type),
  }),
  aggregate(true, { name: 'min', resolve: ANY, create: () => accumulate.extreme(-1) }),
  aggregate(true, { name: 'max', resolve: ANY, create: () => accumulate.extreme(1) }),
  aggregate(true, {
    name: 'any_value',
    aliases: ['arbitrary'],
    resolve: ANY,
    create: () => accumulate.first(true),
  }),
  aggregate(true, { name: 'bool_and', aliases: ['every'], resolve: BOOLS, create: () => accumulate.allTrue() }),
  aggregate(true, { name: 'bool_or', resolve: BOOLS, create: () => accumulate.anyTrue() }),
  moment(true, 'stddev_samp', ['stddev'], 'stddevSample'),
  moment(true, 'stddev_pop', [], 'stddevPopulation'),
  moment(true, 'var_samp', ['variance'], 'varianceSample'),
  moment(true, 'var_pop', [], 'variancePopulation'),
  aggregate(true, {
    name: 'string_agg',
    aliases: ['group_concat', 'listagg'],
    ordered: true,
    resolve(args, constants) {
      const separator = args.length === 1 ? ',' : constants[1];
      if (args.length < 1 || args.length > 2 || typeof separator !== 'string') return undefined;
      return { args: [STRING], parameters: [separator], type: STRING };
    },
    create: ({ parameters: [separator] }) => accumulate.joinTexts(String(separator)),
  }),
  aggregate(true, {
    name: 'approx_quantile',
    resolve: (args, constants) => {
      const numbers = NUMBERS(args.slice(0, 1), []);
      const quantile = quantileOf(constants[1], args[1]?.type);
      return numbers === undefined || quantile === undefined || args.length !== 2
        ? undefined
        : { ...numbers, parameters: [quantile] };
    },
    create: ({ parameters: [quantile], args: [type] }) => accumulate.quantileContinuous(Number(quantile), type),
  }),
  aggregate(false, {
    name: 'median',
    resolve: (args) => (args.length === 1 ? resolveContinuous(args, 0.5) : undefined),
    create: ({ args: [type] }) => accumulate.quantileContinuous(0.5, type),
  }),
  aggregate(false, {
    name: 'quantile_cont',
    resolve: (args, constants) =>
      args.length === 2 ? resolveContinuous(args, quantileOf(constants[1], args[1].type)) : undefined,
    create: ({ parameters: [quantile], args: [type] }) => accumulate.quantileContinuous(Number(quantile), type),
  }),
  aggregate(false, {
    name: 'quantile_disc',
    aliases: ['quantile'],
    resolve(args, constants) {
      const quantile = quantileOf(constants[1], args[1]?.type);
      if (args.length !== 2 || quantile === undefined) return undefined;
      return { args: [args[0].type], parameters: [quantile], type: args[0].type };
    },
    create: ({ parameters: [quantile] }) => accumulate.quantileDiscrete(Number(quantile)),
  }),
  aggregate(false, { name: 'mode', resolve: ANY, create: () => accumulate.mode() }),
  aggregate(false, { name: 'first', ordered: true, resolve: ANY, create: () => accumulate.first(false) }),
  aggregate(false, { name: 'last', ordered: true, resolve: ANY, create: () => accumulate.last() }),
  aggregate(false, {
    name: 'arg_min',
    aliases: ['min_by', 'argmin'],
    resolve: resolveExtremeBy,
    create: () => accumulate.extremeBy(-1),
  }),
  aggregate(false, {
    name: 'arg_max',
    aliases: ['max_by', 'argmax'],
    resolve: resolveExtremeBy,
    create: () => accumulate.extremeBy(1),
  }),
  aggregate(false, {
    name: 'list',
    aliases: ['array_agg', 'json_group_array'],
    ordered: true,
    resolve: (args) => (args.length === 1 ? { args: [args[0].type], parameters: [], type: JSON_TYPE } : undefined),
    create: ({ args: [type] }) => accumulate.collect((value) => toJson(value, type)),
  }),
  aggregate(false, {
    name: 'json_group_object',
    resolve: (args) =>
      args.length === 2 ? { args: [STRING, args[1].type], parameters: [], type: JSON_TYPE } : undefined,
    create: ({ args: [, type] }) =>
      accumulate.collectMembers((key, value) => `${JSON.stringify(sqlText(key, STRING))}:${toJson(value, type)}`),
  }),
  aggregate(false, { name: 'bit_and', resolve: INTEGERS, create: () => accumulate.foldIntegers((a, b) => a & b) }),
  aggregate(false, { name: 'bit_or', resolve: INTEGERS, create: () => accumulate.foldIntegers((a, b) => a | b) }),
  aggregate(false, { name: 'bit_xor', resolve: INTEGERS, create: () => accumulate.foldIntegers((a, b) => a ^ b) }),
  aggregate(false, { name: 'product', resolve: NUMBERS, create: () => accumulate.product() }),
  aggregate(false, {
    name: 'geomean',
    aliases: ['geometric_mean'],
    resolve: NUMBERS,
    create: () => accumulate.geometricMean(),
  }),
  moment(false, 'skewness', [], 'skewness'),
  moment(false, 'kurtosis', [], 'kurtosis'),
  moment(false, 'sem', [], 'standardError'),
  pair('corr', 'correlation'),
  pair('covar_pop', 'covariancePopulation'),
  pair('covar_samp', 'covarianceSample'),
  pair('regr_slope', 'slope'),
  pair('regr_intercept', 'intercept'),
  pair('regr_r2', 'determination'),
  aggregate(false, {
    name: 'entropy',
    resolve: ([arg, ...rest]) =>
      arg === undefined || rest.length > 0 ? undefined : { args: [arg.type], parameters: [], type: DOUBLE },
    create: () => accumulate.entropy(),
  }),
];

const byName = new Map(
  AGGREGATES.flatMap((definition) =>
    [definition.name, ...definition.aliases].map((name) => [name, definition] as const),
  ),
);

/** The aggregate a lower-case name stands for. */
export function findAggregate(name: string): AggregateDefinition | undefined {
  return byName.get(name);
}
