import { type ColumnType, DOUBLE, decimal, INT64, STRING, sameType, TIMESTAMP_NS } from '../../columns/types.ts';

/** What overload resolution knows of an argument. */
export interface ArgumentType {
  readonly type: ColumnType;
  /** A quoted constant without a type of its own: it becomes whatever it meets. */
  readonly untyped: boolean;
}

/** Digits that hold every int64. */
const INT64_DIGITS = 19;
const MAX_PRECISION = 38;

/** int64 as the decimal that holds it; other types unchanged. */
export function asDecimal(type: ColumnType): ColumnType & { kind: 'decimal' } {
  if (type.kind === 'decimal') return type;
  return { kind: 'decimal', precision: type.kind === 'bool' ? 1 : INT64_DIGITS, scale: 0 };
}

/** The decimal that holds both, or as much of them as 38 digits can: the scale stays, an overflow is found in the row. */
export function commonDecimal(a: ColumnType, b: ColumnType): ColumnType {
  const [left, right] = [asDecimal(a), asDecimal(b)];
  const scale = Math.max(left.scale, right.scale);
  const whole = Math.max(left.precision - left.scale, right.precision - right.scale);
  return decimal(Math.min(MAX_PRECISION, whole + scale), scale);
}

/** The type in which values of both can stand side by side (CASE, UNION, COALESCE, IN), as DuckDB finds it. */
export function commonType(a: ColumnType, b: ColumnType): ColumnType | undefined {
  if (sameType(a, b)) return a;
  if (a.kind === 'null') return b;
  if (b.kind === 'null') return a;
  return ordered(a, b) ?? ordered(b, a);
}

function ordered(a: ColumnType, b: ColumnType): ColumnType | undefined {
  if (a.kind === 'bool' && (b.kind === 'int64' || b.kind === 'double' || b.kind === 'decimal')) return b;
  if (a.kind === 'int64' && b.kind === 'double') return DOUBLE;
  if (a.kind === 'decimal' && b.kind === 'double') return DOUBLE;
  if (a.kind === 'decimal' && (b.kind === 'int64' || b.kind === 'decimal')) return commonDecimal(a, b);
  if (a.kind === 'date' && b.kind === 'timestamp') return b;
  if (a.kind === 'timestamp' && b.kind === 'timestamp') return TIMESTAMP_NS;
  if (a.kind === 'string' && b.kind === 'json') return b;
  if (a.kind === 'string' && b.kind !== 'bytes') return STRING;
  return undefined;
}

/** The common type of several arguments; an untyped constant takes the others' type. */
export function commonTypeOf(args: readonly ArgumentType[]): ColumnType | undefined {
  let common: ColumnType = { kind: 'null' };
  for (const { type, untyped } of args) {
    if (untyped) continue;
    const next = commonType(common, type);
    if (next === undefined) return undefined;
    common = next;
  }
  return common.kind === 'null' && args.some(({ untyped }) => untyped) ? STRING : common;
}

/** The type two operands are compared in: text, and json, meet a number, a date or a bool as one of those. */
export function comparisonType(a: ArgumentType, b: ArgumentType): ColumnType | undefined {
  if (a.type.kind === 'json' && isPlainValue(b.type)) return b.type;
  if (b.type.kind === 'json' && isPlainValue(a.type)) return a.type;
  if (a.untyped && !b.untyped) return b.type.kind === 'null' ? STRING : b.type;
  if (b.untyped && !a.untyped) return a.type.kind === 'null' ? STRING : a.type;
  if (a.type.kind === 'string' && b.type.kind !== 'null') return b.type.kind === 'json' ? STRING : b.type;
  if (b.type.kind === 'string' && a.type.kind !== 'null') return a.type.kind === 'json' ? STRING : a.type;
  return commonType(a.type, b.type);
}

function isPlainValue({ kind }: ColumnType): boolean {
  return kind !== 'json' && kind !== 'string' && kind !== 'bytes' && kind !== 'null';
}

/** How far an argument is from a parameter: 0 is the type itself; undefined where it would take a cast said aloud. */
function implicitCost(arg: ArgumentType, to: ColumnType): number | undefined {
  const from = arg.type;
  if (from.kind === 'null') return 0;
  if (arg.untyped) return to.kind === 'string' ? 0 : 1;
  if (from.kind === to.kind) return from.kind === 'timestamp' && !sameType(from, to) ? 1 : 0;
  if (from.kind === 'int64' && to.kind === 'decimal') return 1;
  if (from.kind === 'int64' && to.kind === 'double') return 2;
  if (from.kind === 'decimal' && to.kind === 'double') return 1;
  if (from.kind === 'date' && to.kind === 'timestamp') return 1;
  if (from.kind === 'string' && to.kind === 'json') return 2;
  if (from.kind === 'json' && to.kind === 'string') return 2;
  return undefined;
}

/** One way to call a function: what its arguments become, and what comes out. */
export interface Signature {
  readonly args: readonly ColumnType[];
  readonly type: ColumnType;
}

/** The signature the arguments are nearest to; a decimal parameter takes any decimal as it is. */
export function nearestSignature(
  signatures: readonly Signature[],
  args: readonly ArgumentType[],
): Signature | undefined {
  let best: Signature | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const signature of signatures) {
    if (signature.args.length !== args.length) continue;
    let cost = 0;
    for (let i = 0; i < args.length; i++) {
      cost += implicitCost(args[i], signature.args[i]) ?? Number.POSITIVE_INFINITY;
    }
    if (cost < bestCost) {
      best = signature;
      bestCost = cost;
    }
  }
  if (best === undefined) return undefined;
  const resolved = best.args.map((type, i) => (type.kind === 'decimal' ? decimalParameter(args[i].type, type) : type));
  return { args: resolved, type: best.type };
}

function decimalParameter(arg: ColumnType, parameter: ColumnType): ColumnType {
  if (arg.kind === 'decimal') return arg;
  return arg.kind === 'int64' ? decimal(INT64_DIGITS, 0) : parameter;
}

/** Every argument becomes a double. */
export function doubles(count: number, type: ColumnType = DOUBLE): Signature {
  return { args: new Array<ColumnType>(count).fill(DOUBLE), type };
}

/** So many int64 arguments. */
export function integers(count: number, type: ColumnType = INT64): Signature {
  return { args: new Array<ColumnType>(count).fill(INT64), type };
}

/** So many string arguments. */
export function strings(count: number, type: ColumnType = STRING): Signature {
  return { args: new Array<ColumnType>(count).fill(STRING), type };
}
