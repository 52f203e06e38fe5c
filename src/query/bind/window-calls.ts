import type { Scalar } from '../../columns/column.ts';
import { PER_DAY } from '../../columns/instant.ts';
import { type ColumnType, DOUBLE, INT64 } from '../../columns/types.ts';
import { findAggregate } from '../functions/aggregates.ts';
import { commonTypeOf } from '../functions/coercion.ts';
import type { FuncCall, Node, WindowDef } from '../parse/ast.ts';
import { resolveAggregate } from './aggregate-calls.ts';
import { castTo } from './bound.ts';
import { argumentType } from './calls.ts';
import { locate, sqlError, typeNames } from './errors.ts';
import type { ExpressionBinder, ExpressionRules, WindowSpecification } from './expressions.ts';
import type { Bound, FrameBound, WindowFrame } from './logical.ts';
import { bindSortKeys } from './sort-keys.ts';

const RANKS: Readonly<Record<string, ColumnType>> = {
  row_number: INT64,
  rank: INT64,
  dense_rank: INT64,
  rank_dense: INT64,
  percent_rank: DOUBLE,
  cume_dist: DOUBLE,
};

const VALUES = new Set(['lag', 'lead', 'first_value', 'last_value', 'nth_value', 'first', 'last']);

/** Aggregates the fallback executor can slide along a frame. */
const SLIDING = new Set(['count_all', 'count', 'sum', 'avg', 'min', 'max', 'bool_and', 'bool_or', 'string_agg']);

/** Functions that mean something only with OVER. */
export function isWindowFunction(name: string): boolean {
  return Object.hasOwn(RANKS, name) || name === 'ntile' || (VALUES.has(name) && name !== 'first' && name !== 'last');
}

/** Bits of FRAMEOPTION_… in PostgreSQL's parsenodes.h. */
const FRAME = {
  nonDefault: 0x1,
  range: 0x2,
  rows: 0x4,
  groups: 0x8,
  startUnboundedPreceding: 0x20,
  endUnboundedFollowing: 0x100,
  startCurrentRow: 0x200,
  endCurrentRow: 0x400,
  startPreceding: 0x800,
  endPreceding: 0x1000,
  startFollowing: 0x2000,
  endFollowing: 0x4000,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
} as const;

const DEFAULT_FRAME: WindowFrame = {
  mode: 'range',
  start: { kind: 'unboundedPreceding' },
  end: { kind: 'currentRow' },
  exclude: 'none',
};

/** The parts of an OVER clause or of a named window, which may build on another named one. */
export function bindWindow(binder: ExpressionBinder, window: WindowDef, rules: ExpressionRules): WindowSpecification {
  const at = window.location ?? 0;
  const within = { ...rules, windows: false, place: 'OVER' };
  const base = window.refname ?? (isReference(window) ? window.name : undefined);
  const named = base === undefined ? undefined : binder.windows.get(base.toLowerCase());
  if (base !== undefined && named === undefined) throw sqlError('invalid_sql', at, `there is no window ${base}`);
  const partitionBy = (window.partitionClause ?? []).map((node) => binder.bindValue(node, within));
  const orderBy = bindSortKeys(binder, window.orderClause ?? [], within);
  return {
    partitionBy: named === undefined ? partitionBy : named.partitionBy,
    orderBy: orderBy.length > 0 || named === undefined ? orderBy : named.orderBy,
    frame: bindFrame(binder, window) ?? named?.frame ?? null,
  };
}

/** `OVER w`: a name and nothing else. */
function isReference(window: WindowDef): boolean {
  return window.name !== undefined && window.partitionClause === undefined && window.orderClause === undefined;
}

function bindFrame(binder: ExpressionBinder, window: WindowDef): WindowFrame | null {
  const options = window.frameOptions ?? 0;
  const has = (bit: number) => (options & bit) !== 0;
  if (!has(FRAME.nonDefault)) return null;
  const offset = (node: Node | undefined): Scalar => {
    const rules = { place: 'a frame', aggregates: false, windows: false };
    const value = binder.bind(node ?? {}, rules);
    if (value.node === 'interval') {
      const parts = [value.months, value.days, value.micros].map((part) =>
        part.node === 'literal' ? part.value : null,
      );
      const [months, days, micros] = parts;
      if (months !== 0n || typeof days !== 'bigint' || typeof micros !== 'bigint') {
        throw sqlError('unsupported_sql', value.at, 'a frame is of constant days and time');
      }
      return days * PER_DAY.us + micros;
    }
    if (value.node !== 'literal' || value.value === null) {
      throw sqlError('unsupported_sql', value.at, 'a frame goes by a constant');
    }
    return value.type.kind === 'decimal' ? Number(value.value) / 10 ** value.type.scale : value.value;
  };
  const start: FrameBound = has(FRAME.startUnboundedPreceding)
    ? { kind: 'unboundedPreceding' }
    : has(FRAME.startCurrentRow)
      ? { kind: 'currentRow' }
      : { kind: has(FRAME.startPreceding) ? 'preceding' : 'following', offset: offset(window.startOffset) };
  const end: FrameBound = has(FRAME.endUnboundedFollowing)
    ? { kind: 'unboundedFollowing' }
    : has(FRAME.endCurrentRow)
      ? { kind: 'currentRow' }
      : { kind: has(FRAME.endPreceding) ? 'preceding' : 'following', offset: offset(window.endOffset) };
  return {
    mode: has(FRAME.rows) ? 'rows' : has(FRAME.groups) ? 'groups' : 'range',
    start,
    end,
    exclude: has(FRAME.excludeCurrentRow)
      ? 'currentRow'
      : has(FRAME.excludeGroup)
        ? 'group'
        : has(FRAME.excludeTies)
          ? 'ties'
          : 'none',
  };
}

/** Binds `f(…) OVER (…)`. Throws `invalid_sql`, `unsupported_sql` or `type_error` with the place. */
export function bindWindowCall(binder: ExpressionBinder, call: FuncCall, name: string, rules: ExpressionRules): Bound {
  const at = call.location ?? 0;
  const within = { ...rules, windows: false, place: `the arguments of ${name}` };
  const args = (call.args ?? []).map((node) => binder.bindValue(node, within));
  const filter = call.agg_filter === undefined ? null : binder.bindCondition(call.agg_filter, within);
  const window = bindWindow(binder, call.over ?? {}, rules);
  if (call.agg_distinct) throw sqlError('unsupported_sql', at, 'DISTINCT within a window is not supported');
  if (call.agg_order !== undefined)
    throw sqlError('unsupported_sql', at, 'ORDER BY within a window call is not supported');
  const { partitionBy, orderBy } = window;
  const frame = window.frame ?? DEFAULT_FRAME;
  const rest = { filter, partitionBy, orderBy, frame, at };
  if (Object.hasOwn(RANKS, name)) {
    if (args.length > 0) throw sqlError('type_error', at, `${name} takes no arguments`);
    return {
      node: 'window',
      function: name === 'rank_dense' ? 'dense_rank' : name,
      args: [],
      type: RANKS[name],
      ...rest,
    };
  }
  if (name === 'ntile') {
    if (args.length !== 1) throw sqlError('type_error', at, 'ntile takes a number of buckets');
    return { node: 'window', function: 'ntile', args: [castTo(args[0], INT64)], type: INT64, ...rest };
  }
  if (VALUES.has(name)) return { node: 'window', ...valueCall(name, args, at), ...rest };
  const aggregateName = name === 'count' && args.length === 0 ? 'count_all' : name;
  const resolved = findAggregate(aggregateName) === undefined ? undefined : resolveAggregate(aggregateName, args, at);
  if (resolved === undefined || !SLIDING.has(resolved.function)) {
    throw sqlError('unsupported_sql', at, `${name} over a window is not supported`);
  }
  return {
    node: 'window',
    function: resolved.function,
    args: [...resolved.args, ...separator(resolved)],
    type: resolved.type,
    ...rest,
  };
}

function separator({ parameters, at }: { parameters: readonly (number | string)[]; at?: number }): Bound[] {
  return parameters.map((value) => ({ node: 'literal', value, type: { kind: 'string' }, at: at ?? 0 }));
}

function valueCall(
  name: string,
  args: readonly Bound[],
  at: number,
): { function: string; args: Bound[]; type: ColumnType } {
  const [value, position, otherwise] = args;
  if (value === undefined) throw sqlError('type_error', at, `${name} takes a value`);
  switch (name) {
    case 'lag':
    case 'lead': {
      const type = otherwise === undefined ? value.type : commonTypeOf([argumentType(value), argumentType(otherwise)]);
      if (type === undefined || args.length > 3) {
        throw sqlError('type_error', at, `${name} does not take (${typeNames(args.map((arg) => arg.type))})`);
      }
      const cast = [castTo(value, type)];
      if (position !== undefined) cast.push(castTo(position, INT64));
      if (otherwise !== undefined) cast.push(locate(at, () => castTo(otherwise, type)));
      return { function: name, args: cast, type };
    }
    case 'nth_value':
      if (args.length !== 2) throw sqlError('type_error', at, 'nth_value takes a value and a position');
      return { function: name, args: [value, castTo(position, INT64)], type: value.type };
    default: {
      if (args.length !== 1) throw sqlError('type_error', at, `${name} takes one value`);
      const plain = name === 'first' ? 'first_value' : name === 'last' ? 'last_value' : name;
      return { function: plain, args: [value], type: value.type };
    }
  }
}
