import type { Scalar } from '../../columns/column.ts';
import { compareScalars } from '../../columns/compare.ts';
import type { ColumnType } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { doubleOfDecimal } from './cast.ts';

/**
 * One aggregate over one group, a row at a time: what an answer means, written to be read. The column
 * operators have their own, faster ones, and are tested against these.
 */
export interface Accumulator {
  /** Takes one row's arguments. */
  add(values: readonly Scalar[]): void;
  /** The answer over the rows so far. */
  result(): Scalar;
}

type Value = Exclude<Scalar, null>;

/** An accumulator over the first argument's values, nulls left out. */
function over(take: (value: Value) => void, result: () => Scalar): Accumulator {
  return {
    add([value]) {
      if (value !== null) take(value);
    },
    result,
  };
}

/** `count(*)`. */
export function countRows(): Accumulator {
  let rows = 0n;
  return { add: () => rows++, result: () => rows };
}

/** `count(x)`. */
export function countValues(): Accumulator {
  let rows = 0n;
  return over(
    () => rows++,
    () => rows,
  );
}

/** Of integers or unscaled decimals, in integers of any size. */
export function sumExact(): Accumulator {
  let sum: bigint | null = null;
  return over(
    (value) => {
      sum = (sum ?? 0n) + BigInt(value as bigint);
    },
    () => {
      if (sum !== null && (sum >= 10n ** 38n || sum <= -(10n ** 38n))) {
        throw new OrasiError('type_error', 'a sum has more than 38 digits');
      }
      return sum;
    },
  );
}

/** With Neumaier's compensation, so that the order of rows hardly matters. */
class DoubleSum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const next = this.#sum + value;
    if (Number.isFinite(next)) {
      this.#lost += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - next + value : value - next + this.#sum;
    }
    this.#sum = next;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}

/** `sum` of doubles. */
export function sumDoubles(): Accumulator {
  const sum = new DoubleSum();
  let rows = 0;
  return over(
    (value) => {
      rows++;
      sum.add(Number(value));
    },
    () => (rows === 0 ? null : sum.value),
  );
}

/** `avg`: integers and decimals are summed exactly, then divided as doubles. */
export function average(type: ColumnType): Accumulator {
  let rows = 0;
  if (type.kind === 'double') {
    const sum = new DoubleSum();
    return over(
      (value) => {
        rows++;
        sum.add(Number(value));
      },
      () => (rows === 0 ? null : sum.value / rows),
    );
  }
  const scale = type.kind === 'decimal' ? type.scale : 0;
  let sum = 0n;
  return over(
    (value) => {
      rows++;
      sum += BigInt(value as bigint);
    },
    () => (rows === 0 ? null : doubleOfDecimal(sum, scale) / rows),
  );
}

/** The least (-1) or greatest (1). */
export function extreme(sign: number): Accumulator {
  let best: Scalar = null;
  return over(
    (value) => {
      if (best === null || compareScalars(value, best) * sign > 0) best = value;
    },
    () => best,
  );
}

/** The first argument of the row whose second is the least or greatest; rows with a null in either are left out. */
export function extremeBy(sign: number): Accumulator {
  let best: Scalar = null;
  let answer: Scalar = null;
  return {
    add([value, by]) {
      if (value === null || by === null) return;
      if (best !== null && compareScalars(by, best) * sign <= 0) return;
      best = by;
      answer = value;
    },
    result: () => answer,
  };
}

/** `first`, and with `skipNulls` `any_value`. */
export function first(skipNulls: boolean): Accumulator {
  let found = false;
  let answer: Scalar = null;
  return {
    add([value]) {
      if (found || (skipNulls && value === null)) return;
      found = true;
      answer = value;
    },
    result: () => answer,
  };
}

/** `last`. */
export function last(): Accumulator {
  let answer: Scalar = null;
  return {
    add([value]) {
      answer = value;
    },
    result: () => answer,
  };
}

/** `bool_and`. */
export function allTrue(): Accumulator {
  let answer: boolean | null = null;
  return over(
    (value) => {
      answer = (answer ?? true) && value === true;
    },
    () => answer,
  );
}

/** `bool_or`. */
export function anyTrue(): Accumulator {
  let answer: boolean | null = null;
  return over(
    (value) => {
      answer = (answer ?? false) || value === true;
    },
    () => answer,
  );
}

/** Text collected for one group is bounded like what an operator may hold. */
function boundedText(size: number): void {
  if (size > LIMITS.queryOperatorBytes) {
    throw new OrasiError(
      'query_too_large',
      `an aggregate would hold more than ${LIMITS.queryOperatorBytes} characters`,
    );
  }
}

/** `string_agg`. */
export function joinTexts(separator: string): Accumulator {
  const parts: string[] = [];
  let size = 0;
  return over(
    (value) => {
      parts.push(String(value));
      size += String(value).length + separator.length;
      boundedText(size);
    },
    () => (parts.length === 0 ? null : parts.join(separator)),
  );
}

/** A JSON array of all values, nulls too. */
export function collect(write: (value: Scalar) => string): Accumulator {
  const parts: string[] = [];
  let size = 0;
  return {
    add([value]) {
      const part = write(value);
      parts.push(part);
      size += part.length + 1;
      boundedText(size);
    },
    result: () => (parts.length === 0 ? null : `[${parts.join(',')}]`),
  };
}

/** `json_group_object`; throws `type_error` at a null key. */
export function collectMembers(write: (key: Value, value: Scalar) => string): Accumulator {
  const parts: string[] = [];
  let size = 0;
  return {
    add([key, value]) {
      if (key === null) throw new OrasiError('type_error', 'a key of a JSON object is not null');
      const part = write(key, value);
      parts.push(part);
      size += part.length + 1;
      boundedText(size);
    },
    result: () => `{${parts.join(',')}}`,
  };
}

/** `bit_and`, `bit_or`, `bit_xor`. */
export function foldIntegers(fold: (a: bigint, b: bigint) => bigint): Accumulator {
  let answer: bigint | null = null;
  return over(
    (value) => {
      answer = answer === null ? (value as bigint) : fold(answer, value as bigint);
    },
    () => answer,
  );
}

/** `product`, a double. */
export function product(): Accumulator {
  let answer: number | null = null;
  return over(
    (value) => {
      answer = (answer ?? 1) * Number(value);
    },
    () => answer,
  );
}

/** `geomean`. */
export function geometricMean(): Accumulator {
  let rows = 0;
  const logarithms = new DoubleSum();
  return over(
    (value) => {
      rows++;
      logarithms.add(Math.log(Number(value)));
    },
    () => (rows === 0 ? null : Math.exp(logarithms.value / rows)),
  );
}

export type Statistic =
  | 'varianceSample'
  | 'variancePopulation'
  | 'stddevSample'
  | 'stddevPopulation'
  | 'skewness'
  | 'kurtosis'
  | 'standardError';

/** Central moments, updated a value at a time (T. B. Terriberry, "Computing Higher-Order Moments Online"). */
export function moments(statistic: Statistic): Accumulator {
  let n = 0;
  let mean = 0;
  let m2 = 0;
  let m3 = 0;
  let m4 = 0;
  return over(
    (value) => {
      const before = n;
      n++;
      const delta = Number(value) - mean;
      const part = delta / n;
      const term = delta * part * before;
      mean += part;
      m4 += term * part * part * (n * n - 3 * n + 3) + 6 * part * part * m2 - 4 * part * m3;
      m3 += term * part * (n - 2) - 3 * part * m2;
      m2 += term;
    },
    () => momentOf(statistic, n, m2, m3, m4),
  );
}

function momentOf(statistic: Statistic, n: number, m2: number, m3: number, m4: number): number | null {
  if (n === 0) return null;
  const sample = n < 2 ? null : m2 / (n - 1);
  switch (statistic) {
    case 'variancePopulation':
      return m2 / n;
    case 'varianceSample':
      return sample;
    case 'stddevPopulation':
      return Math.sqrt(m2 / n);
    case 'stddevSample':
      return sample === null ? null : Math.sqrt(sample);
    case 'standardError':
      return Math.sqrt(m2 / n) / Math.sqrt(n);
    case 'skewness':
      if (n < 3) return null;
      return m2 === 0 ? Number.NaN : ((Math.sqrt(n * (n - 1)) / (n - 2)) * (m3 / n)) / (m2 / n) ** 1.5;
    case 'kurtosis': {
      if (n < 4 || m2 === 0) return null;
      const scale = (n - 1) / ((n - 2) * (n - 3));
      return scale * ((n + 1) * (m4 / n / (m2 / n) ** 2) - 3 * (n - 1));
    }
  }
}

export type PairStatistic =
  | 'correlation'
  | 'covariancePopulation'
  | 'covarianceSample'
  | 'slope'
  | 'intercept'
  | 'determination';

/** Of pairs (y, x), as SQL writes regressions; a row with a null in either is left out. */
export function pairs(statistic: PairStatistic): Accumulator {
  let n = 0;
  let meanX = 0;
  let meanY = 0;
  let xx = 0;
  let yy = 0;
  let xy = 0;
  return {
    add([y, x]) {
      if (x === null || y === null) return;
      n++;
      const dx = Number(x) - meanX;
      const dy = Number(y) - meanY;
      meanX += dx / n;
      meanY += dy / n;
      xx += dx * (Number(x) - meanX);
      yy += dy * (Number(y) - meanY);
      xy += dx * (Number(y) - meanY);
    },
    result() {
      if (n === 0) return null;
      switch (statistic) {
        case 'correlation':
          return xy / Math.sqrt(xx * yy);
        case 'covariancePopulation':
          return xy / n;
        case 'covarianceSample':
          return n < 2 ? null : xy / (n - 1);
        case 'slope':
          return xx === 0 ? null : xy / xx;
        case 'intercept':
          return xx === 0 ? null : meanY - (xy / xx) * meanX;
        case 'determination':
          return xx === 0 ? null : yy === 0 ? 1 : (xy * xy) / (xx * yy);
      }
    },
  };
}

/** Values held to be sorted at the end; bounded in number. */
function held(answer: (sorted: Value[]) => Scalar): Accumulator {
  const values: Value[] = [];
  return over(
    (value) => {
      if (values.length >= LIMITS.fallbackRows) {
        throw new OrasiError('query_too_large', `an exact quantile is of at most ${LIMITS.fallbackRows} rows`);
      }
      values.push(value);
    },
    () => (values.length === 0 ? null : answer(values.sort(compareScalars))),
  );
}

/** Interpolated between the two nearest. */
export function quantileContinuous(quantile: number, type: ColumnType): Accumulator {
  return held((sorted) => {
    const at = quantile * (sorted.length - 1);
    const low = Math.floor(at);
    const [a, b] = [sorted[low], sorted[Math.ceil(at)]];
    if (type.kind === 'timestamp') {
      const [from, to] = [a as bigint, b as bigint];
      return from + BigInt(Math.round(Number(to - from) * (at - low)));
    }
    return Number(a) + (Number(b) - Number(a)) * (at - low);
  });
}

/** The first value at or above the quantile. */
export function quantileDiscrete(quantile: number): Accumulator {
  return held((sorted) => sorted[Math.max(0, Math.ceil(quantile * sorted.length) - 1)]);
}

function tally(answer: (counts: Map<string, { value: Value; count: number }>, rows: number) => Scalar): Accumulator {
  const counts = new Map<string, { value: Value; count: number }>();
  let rows = 0;
  return over(
    (value) => {
      rows++;
      const key = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : `${typeof value}${value}`;
      const entry = counts.get(key);
      if (entry !== undefined) entry.count++;
      else {
        if (counts.size >= LIMITS.fallbackRows) {
          throw new OrasiError('query_too_large', `an aggregate counts at most ${LIMITS.fallbackRows} distinct values`);
        }
        counts.set(key, { value, count: 1 });
      }
    },
    () => (rows === 0 ? null : answer(counts, rows)),
  );
}

/** The value there is most of, the first of several. */
export function mode(): Accumulator {
  return tally((counts) => {
    let best: { value: Value; count: number } | undefined;
    for (const entry of counts.values()) if (best === undefined || entry.count > best.count) best = entry;
    return best?.value ?? null;
  });
}

/** In bits. */
export function entropy(): Accumulator {
  return tally((counts, rows) => {
    let sum = 0;
    for (const { count } of counts.values()) sum -= (count / rows) * Math.log2(count / rows);
    return sum;
  });
}
