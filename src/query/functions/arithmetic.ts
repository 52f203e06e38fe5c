import { floorDivide } from '../../columns/floor-divide.ts';
import { fitsInt64 } from '../../columns/text.ts';
import { BOOL, type ColumnType, DATE, DOUBLE, decimal, INT64 } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { isNumeric, rescale, roundHalfEven, within } from './cast.ts';
import { type ArgumentType, asDecimal, commonDecimal, doubles, integers, type Signature } from './coercion.ts';
import { define, type ScalarFunctionDefinition } from './definition.ts';

const MAX_PRECISION = 38;

/** `int64`, `decimal` or `double`, whichever both operands can be; an untyped constant is read as a number. */
function numericKind(args: readonly ArgumentType[]): 'int64' | 'decimal' | 'double' | undefined {
  let kind: 'int64' | 'decimal' | 'double' = 'int64';
  for (const { type, untyped } of args) {
    if (untyped) {
      if (args.every((other) => other.untyped || other.type.kind === 'null')) return undefined;
      continue;
    }
    if (type.kind === 'null' || type.kind === 'bool') continue;
    if (!isNumeric(type)) return undefined;
    if (type.kind === 'double') kind = 'double';
    else if (type.kind === 'decimal' && kind === 'int64') kind = 'decimal';
  }
  return kind;
}

function decimalOperands(args: readonly ArgumentType[]): (ColumnType & { kind: 'decimal' })[] {
  return args.map(({ type, untyped }) => {
    if (!untyped && type.kind !== 'null') return asDecimal(type);
    const other = args.find((arg) => arg.type.kind === 'decimal')?.type;
    return asDecimal(other ?? INT64);
  });
}

function arithmetic(
  args: readonly ArgumentType[],
  ofDecimals: (a: ColumnType & { kind: 'decimal' }, b: ColumnType & { kind: 'decimal' }) => ColumnType | undefined,
): Signature | undefined {
  const kind = numericKind(args);
  if (args.length !== 2 || kind === undefined) return undefined;
  if (kind === 'int64') return integers(2);
  if (kind === 'double') return doubles(2);
  const [a, b] = decimalOperands(args);
  const type = ofDecimals(a, b);
  return type === undefined ? undefined : { args: [a, b], type };
}

/** A sum keeps every digit of both and one more. */
function sumType(a: ColumnType & { kind: 'decimal' }, b: ColumnType & { kind: 'decimal' }): ColumnType {
  const scale = Math.max(a.scale, b.scale);
  const whole = Math.max(a.precision - a.scale, b.precision - b.scale);
  return decimal(Math.min(MAX_PRECISION, whole + scale + 1), scale);
}

function productType(a: ColumnType & { kind: 'decimal' }, b: ColumnType & { kind: 'decimal' }): ColumnType | undefined {
  const scale = a.scale + b.scale;
  return scale > MAX_PRECISION ? undefined : decimal(Math.min(MAX_PRECISION, a.precision + b.precision), scale);
}

function scaleOf(type: ColumnType): number {
  return type.kind === 'decimal' ? type.scale : 0;
}

function checkInt64(value: bigint, operation: string): bigint {
  if (!fitsInt64(value)) {
    throw new OrasiError('type_error', `${operation} leaves the range of int64; cast an operand to decimal or double`);
  }
  return value;
}

/** Days that a date column can hold. */
function checkDate(days: number): number {
  if (days !== (days | 0)) throw new OrasiError('type_error', 'a date leaves its range');
  return days;
}

function checkDecimal(value: bigint, type: ColumnType, operation: string): bigint {
  const precision = type.kind === 'decimal' ? type.precision : MAX_PRECISION;
  const checked = within(value, precision);
  if (checked === undefined) {
    throw new OrasiError('type_error', `${operation} leaves the range of decimal(${precision},${scaleOf(type)})`);
  }
  return checked;
}

function additive(name: '+' | '-', operation: string): ScalarFunctionDefinition {
  const sign = name === '+' ? 1n : -1n;
  return define({
    name,
    resolve(args) {
      const [left, right] = args.map(({ type }) => type.kind);
      if (left === 'date' && (right === 'int64' || right === 'null')) return { args: [DATE, INT64], type: DATE };
      if (name === '+' && left === 'int64' && right === 'date') return { args: [INT64, DATE], type: DATE };
      if (name === '-' && left === 'date' && (right === 'date' || args[1]?.untyped)) {
        return { args: [DATE, DATE], type: INT64 };
      }
      return arithmetic(args, sumType);
    },
    evaluate([left, right], [a, b], type) {
      if (type.kind === 'double') return name === '+' ? Number(left) + Number(right) : Number(left) - Number(right);
      if (type.kind === 'date') return checkDate(Number(left) + Number(sign) * Number(right));
      if (a.kind === 'date') return BigInt(Number(left)) - BigInt(Number(right));
      if (type.kind === 'int64') return checkInt64((left as bigint) + sign * (right as bigint), operation);
      const scale = scaleOf(type);
      const sum = rescale(left as bigint, scaleOf(a), scale) + sign * rescale(right as bigint, scaleOf(b), scale);
      return checkDecimal(sum, type, operation);
    },
  });
}

const multiply = define({
  name: '*',
  resolve: (args) => arithmetic(args, productType),
  evaluate([left, right], _, type) {
    if (type.kind === 'double') return Number(left) * Number(right);
    const product = (left as bigint) * (right as bigint);
    return type.kind === 'int64'
      ? checkInt64(product, 'a multiplication')
      : checkDecimal(product, type, 'a multiplication');
  },
});

const divide = define({
  name: '/',
  resolve: (args) => (args.length === 2 && numericKind(args) !== undefined ? doubles(2) : undefined),
  evaluate: ([left, right]) => Number(left) / Number(right),
});

/** Of integers, towards zero, and null by zero; of anything else a plain division, as in DuckDB. */
const divideWhole = define({
  name: '//',
  aliases: ['divide'],
  resolve(args) {
    const kind = numericKind(args);
    if (args.length !== 2 || kind === undefined) return undefined;
    return kind === 'int64' ? integers(2) : doubles(2);
  },
  evaluate([left, right], _, type) {
    if (type.kind === 'double') return Number(left) / Number(right);
    return right === 0n ? null : checkInt64((left as bigint) / (right as bigint), 'a division');
  },
});

/** The sign is the dividend's; by zero it is null, of doubles NaN. */
const modulo = define({
  name: '%',
  aliases: ['mod', 'fmod'],
  resolve: (args) => arithmetic(args, (a, b) => commonDecimal(a, b)),
  evaluate([left, right], [a, b], type) {
    if (type.kind === 'double') return Number(left) % Number(right);
    const scale = scaleOf(type);
    const divisor = rescale(right as bigint, scaleOf(b), scale);
    return divisor === 0n ? null : rescale(left as bigint, scaleOf(a), scale) % divisor;
  },
});

const power = define({
  name: '^',
  aliases: ['**', 'pow', 'power'],
  signatures: [doubles(2)],
  evaluate: ([left, right]) => Number(left) ** Number(right),
});

/** A function of one number that keeps its type. */
function keepsType(
  name: string,
  ofInteger: (value: bigint) => bigint,
  ofDouble: (value: number) => number,
): ScalarFunctionDefinition {
  return define({
    name,
    aliases: name === 'abs' ? ['@'] : [],
    resolve([arg, ...rest]) {
      if (rest.length > 0 || arg === undefined) return undefined;
      const type = arg.type.kind === 'null' || arg.type.kind === 'bool' ? INT64 : arg.type;
      return isNumeric(type) ? { args: [type], type } : undefined;
    },
    evaluate([value], _, type) {
      if (type.kind === 'double') return ofDouble(Number(value));
      const answer = ofInteger(value as bigint);
      return type.kind === 'int64' ? checkInt64(answer, name) : answer;
    },
  });
}

/** Rounding: integers are whole already, decimals round exactly, doubles as IEEE 754 says. */
function rounding(
  name: string,
  aliases: readonly string[],
  ofDecimal: (unscaled: bigint, scale: number) => bigint,
  ofDouble: (value: number) => number,
): ScalarFunctionDefinition {
  return define({
    name,
    aliases,
    resolve([arg, ...rest]) {
      if (rest.length > 0 || arg === undefined) return undefined;
      if (arg.type.kind === 'decimal') {
        return { args: [arg.type], type: decimal(Math.max(1, arg.type.precision - arg.type.scale), 0) };
      }
      return arg.type.kind === 'int64' ? integers(1) : numericKind([arg]) === undefined ? undefined : doubles(1);
    },
    evaluate([value], [from], type) {
      if (type.kind === 'double') return ofDouble(Number(value));
      return type.kind === 'int64' ? value : ofDecimal(value as bigint, scaleOf(from));
    },
  });
}

function floorDecimal(unscaled: bigint, scale: number): bigint {
  return floorDivide(unscaled, 10n ** BigInt(scale));
}

/** Half away from zero; with digits, a decimal keeps that many and a double is scaled, rounded and scaled back. */
const round = define({
  name: 'round',
  resolve(args, constants) {
    const [arg, digits] = args;
    if (arg === undefined || args.length > 2) return undefined;
    const kind = numericKind([arg]);
    if (kind === undefined) return undefined;
    const places = args.length === 1 ? 0n : constants[1];
    const argTypes = (type: ColumnType) => (digits === undefined ? [type] : [type, INT64]);
    if (arg.type.kind === 'int64') return { args: argTypes(INT64), type: INT64 };
    if (arg.type.kind === 'decimal' && typeof places === 'bigint') {
      const scale = Math.max(0, Math.min(arg.type.scale, Number(places)));
      const precision = Math.max(1, arg.type.precision - (args.length === 1 ? arg.type.scale : 0));
      return { args: argTypes(arg.type), type: decimal(Math.max(precision, scale), scale) };
    }
    return { args: argTypes(DOUBLE), type: DOUBLE };
  },
  evaluate([value, digits], [from], type) {
    const places = digits === undefined ? 0 : Number(digits);
    if (type.kind === 'double') return roundDouble(Number(value), places);
    const scale = scaleOf(from);
    if (places >= scale) return rescale(value as bigint, scale, scaleOf(type));
    if (scale - places > 60) return 0n;
    const kept = rescale(value as bigint, scale, places);
    const answer = rescale(kept, places, scaleOf(type));
    return type.kind === 'int64' ? checkInt64(answer, 'round') : answer;
  },
});

function roundDouble(value: number, places: number): number {
  const factor = 10 ** places;
  const scaled = value * factor;
  if (!Number.isFinite(scaled) || factor === 0) return factor === 0 ? 0 : value;
  const rounded = scaled < 0 ? -Math.round(-scaled) : Math.round(scaled);
  return places >= 0 ? rounded / factor : rounded * 10 ** -places;
}

/** Functions of one double. `domain` says for which there is an answer. */
function ofDouble(
  name: string,
  compute: (value: number) => number,
  domain: (value: number) => boolean = () => true,
  aliases: readonly string[] = [],
): ScalarFunctionDefinition {
  return define({
    name,
    aliases,
    signatures: [doubles(1)],
    evaluate([value]) {
      const x = Number(value);
      if (!domain(x)) throw new OrasiError('type_error', `${name}(${x}) is not defined`);
      return compute(x);
    },
  });
}

function ofInt64(name: string, arity: number, compute: (...args: bigint[]) => bigint): ScalarFunctionDefinition {
  return define({
    name,
    signatures: [integers(arity)],
    evaluate: (args) => checkInt64(compute(...(args as bigint[])), name),
  });
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

const shiftCount = (count: bigint): bigint => {
  if (count < 0n || count > 63n) throw new OrasiError('type_error', 'a shift goes by 0 to 63 bits');
  return count;
};

const testDouble = (name: string, test: (value: number) => boolean): ScalarFunctionDefinition =>
  define({ name, signatures: [doubles(1, BOOL)], evaluate: ([value]) => test(Number(value)) });

export const ARITHMETIC_FUNCTIONS: readonly ScalarFunctionDefinition[] = [
  additive('+', 'an addition'),
  additive('-', 'a subtraction'),
  multiply,
  divide,
  divideWhole,
  modulo,
  power,
  keepsType(
    'negate',
    (value) => -value,
    (value) => -value,
  ),
  keepsType('abs', (value) => (value < 0n ? -value : value), Math.abs),
  define({
    name: 'sign',
    signatures: [integers(1), { args: [decimal(MAX_PRECISION, 0)], type: INT64 }, doubles(1, INT64)],
    evaluate: ([value]) => (Number(value) > 0 ? 1n : Number(value) < 0 ? -1n : 0n),
  }),
  round,
  rounding('floor', [], floorDecimal, Math.floor),
  rounding('ceil', ['ceiling'], (unscaled, scale) => -floorDecimal(-unscaled, scale), Math.ceil),
  rounding('trunc', [], (unscaled, scale) => unscaled / 10n ** BigInt(scale), Math.trunc),
  define({
    name: 'round_even',
    signatures: [{ args: [DOUBLE, INT64], type: DOUBLE }],
    evaluate: ([value, digits]) => roundHalfEven(Number(value) * 10 ** Number(digits)) / 10 ** Number(digits),
  }),
  ofDouble('sqrt', Math.sqrt, (x) => !(x < 0)),
  ofDouble('cbrt', Math.cbrt),
  ofDouble('exp', Math.exp),
  ofDouble('ln', Math.log, (x) => !(x <= 0)),
  define({
    name: 'log',
    aliases: ['log10'],
    signatures: [doubles(1), doubles(2)],
    evaluate(args) {
      const [value, base] = args.length === 2 ? [Number(args[1]), Number(args[0])] : [Number(args[0]), 10];
      if (value <= 0 || base <= 0) throw new OrasiError('type_error', 'a logarithm is of a positive number');
      return base === 10 ? Math.log10(value) : Math.log(value) / Math.log(base);
    },
  }),
  ofDouble('log2', Math.log2, (x) => !(x <= 0)),
  ofDouble('sin', Math.sin, (x) => Number.isFinite(x) || Number.isNaN(x)),
  ofDouble('cos', Math.cos, (x) => Number.isFinite(x) || Number.isNaN(x)),
  ofDouble('tan', Math.tan, (x) => Number.isFinite(x) || Number.isNaN(x)),
  ofDouble('cot', (x) => 1 / Math.tan(x)),
  ofDouble('asin', Math.asin, (x) => !(Math.abs(x) > 1)),
  ofDouble('acos', Math.acos, (x) => !(Math.abs(x) > 1)),
  ofDouble('atan', Math.atan),
  ofDouble('sinh', Math.sinh),
  ofDouble('cosh', Math.cosh),
  ofDouble('tanh', Math.tanh),
  ofDouble('degrees', (x) => (x * 180) / Math.PI),
  ofDouble('radians', (x) => (x * Math.PI) / 180),
  define({ name: 'atan2', signatures: [doubles(2)], evaluate: ([y, x]) => Math.atan2(Number(y), Number(x)) }),
  define({ name: 'pi', signatures: [doubles(0)], evaluate: () => Math.PI }),
  testDouble('isnan', Number.isNaN),
  testDouble('isfinite', Number.isFinite),
  testDouble('isinf', (value) => value === Infinity || value === -Infinity),
  ofInt64('&', 2, (a, b) => a & b),
  ofInt64('|', 2, (a, b) => a | b),
  ofInt64('xor', 2, (a, b) => a ^ b),
  ofInt64('~', 1, (a) => ~a),
  ofInt64('<<', 2, (a, b) => a << shiftCount(b)),
  ofInt64('>>', 2, (a, b) => a >> shiftCount(b)),
  ofInt64('gcd', 2, greatestCommonDivisor),
  ofInt64('lcm', 2, (a, b) => {
    const divisor = greatestCommonDivisor(a, b);
    const product = divisor === 0n ? 0n : (a / divisor) * b;
    return product < 0n ? -product : product;
  }),
  ofInt64('bit_count', 1, (a) => {
    let bits = BigInt.asUintN(64, a);
    let count = 0n;
    for (; bits !== 0n; bits &= bits - 1n) count++;
    return count;
  }),
  define({
    name: 'factorial',
    aliases: ['!'],
    signatures: [{ args: [INT64], type: decimal(MAX_PRECISION, 0) }],
    evaluate([value]) {
      const n = value as bigint;
      if (n < 0n || n > 33n) throw new OrasiError('type_error', 'factorial is of 0 to 33');
      let product = 1n;
      for (let i = 2n; i <= n; i++) product *= i;
      return product;
    },
  }),
  // What a cast to a narrower integer checks: `narrow(value, least, greatest, lenient)`.
  define({
    name: 'narrow',
    signatures: [{ args: [INT64, INT64, INT64, BOOL], type: INT64 }],
    evaluate([value, least, greatest, lenient]) {
      const fits = (value as bigint) >= (least as bigint) && (value as bigint) <= (greatest as bigint);
      if (!fits && lenient !== true) {
        throw new OrasiError('type_error', `${value} is not within ${least} to ${greatest}`);
      }
      return fits ? value : null;
    },
  }),
  define({
    name: 'even',
    signatures: [doubles(1)],
    evaluate([value]) {
      const x = Number(value);
      const up = Math.ceil(Math.abs(x) / 2) * 2;
      return x < 0 ? -up : up;
    },
  }),
];
