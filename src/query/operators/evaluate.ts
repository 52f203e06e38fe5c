import { bitmapBytes } from '../../columns/bitmap.ts';
import { type Batch, type Column, gatherColumn, nullColumn, type Scalar, scalarAt } from '../../columns/column.ts';
import { concatColumns } from '../../columns/concat.ts';
import type { ColumnType } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { locate } from '../bind/errors.ts';
import { columnsOf, type Expression } from '../expression.ts';
import { arithmeticColumns, isArithmetic } from './arithmetic.ts';
import { columnOfScalars } from './build-column.ts';
import { castToType } from './cast.ts';
import { compareColumns, isComparison } from './compare.ts';
import { constantColumn, constantOf } from './constant.ts';
import { expandByCodes, isDictionary } from './dictionary-once.ts';
import type { ScalarFunction, ScalarFunctions } from './function-port.ts';
import { constantText, likeTest, startsWithTest, testColumn } from './like.ts';
import { andColumns, isAllClear, isNullColumn, notColumn, orColumns } from './logic.ts';
import { membersColumn, membersOf } from './membership.ts';
import { notBits, rowsOfBits, trueBits } from './selection.ts';

/** An expression made ready: the column of its values over the rows of a batch. */
export type Evaluator = (batch: Batch) => Column;

/**
 * Makes an expression ready to run over many batches; constants, patterns and lists are prepared once.
 * The evaluator throws `type_error` and the like where a row that counts cannot be computed, with the place in the
 * SQL text of the innermost part that could not.
 */
export function compileExpression(expression: Expression, functions: ScalarFunctions): Evaluator {
  const run = compileNode(expression, functions);
  const columns = columnsOf(expression);
  if (expression.node === 'column' || columns.size !== 1 || !isDeterministic(expression, functions)) return run;
  const [index] = columns;
  return oncePerEntry(run, index);
}

/** The same for one batch. */
export function evaluate(expression: Expression, batch: Batch, functions: ScalarFunctions): Column {
  return compileExpression(expression, functions)(batch);
}

/** Whether the expression always has the same value for the same row. */
export function isDeterministic(expression: Expression, functions: ScalarFunctions): boolean {
  switch (expression.node) {
    case 'column':
    case 'literal':
      return true;
    case 'call':
      if (!(functions.find(expression.function)?.deterministic ?? true)) return false;
      return expression.args.every((arg) => isDeterministic(arg, functions));
    case 'and':
    case 'or':
      return expression.args.every((arg) => isDeterministic(arg, functions));
    case 'case':
      return (
        expression.branches.every(
          ({ when, then }) => isDeterministic(when, functions) && isDeterministic(then, functions),
        ) &&
        (expression.otherwise === null || isDeterministic(expression.otherwise, functions))
      );
    case 'cast':
    case 'in':
      return isDeterministic(expression.arg, functions);
  }
}

/**
 * Over a dictionary column, evaluates each entry once and gives every row its entry's answer. Entries
 * that no row of the batch has are evaluated too: where one of them fails, the rows are asked instead.
 */
function oncePerEntry(run: Evaluator, index: number): Evaluator {
  let ofNull: Column | undefined;
  return (batch) => {
    const column = batch.columns[index];
    if (!isDictionary(column) || column.data.dictionary.length * 2 > column.length) return run(batch);
    const { dictionary } = column.data;
    try {
      const entries = run(onlyColumn(index, dictionary));
      if (column.validity !== null) ofNull ??= run(onlyColumn(index, nullColumn(column.type, 1)));
      return expandByCodes(entries, ofNull, column);
    } catch (error) {
      if (error instanceof OrasiError) return run(batch);
      throw error;
    }
  };
}

/** A batch in which the expression finds its only column at the ordinal it knows; other ordinals hold nothing. */
function onlyColumn(index: number, column: Column): Batch {
  const columns: Column[] = [];
  columns[index] = column;
  return { schema: [], length: column.length, columns };
}

function compileNode(expression: Expression, functions: ScalarFunctions): Evaluator {
  switch (expression.node) {
    case 'column':
      return (batch) => batch.columns[expression.index];
    case 'literal':
      return compileLiteral(expression.value, expression.type);
    case 'call':
      return located(expression.at, compileCall(expression, functions));
    case 'and':
      return compileChain(expression.args, functions, true);
    case 'or':
      return compileChain(expression.args, functions, false);
    case 'case':
      return compileCase(expression, functions);
    case 'cast':
      return located(expression.at, compileCast(expression, functions));
    case 'in': {
      const arg = compileExpression(expression.arg, functions);
      const members = membersOf(expression.values, expression.hasNull, expression.negated);
      return (batch) => membersColumn(arg(batch), members);
    }
  }
}

/** The place is added where an error passes, so that rows that are well pay nothing for it. */
function located(at: number, run: Evaluator): Evaluator {
  return (batch) => locate(at, () => run(batch));
}

function compileCast(cast: Extract<Expression, { node: 'cast' }>, functions: ScalarFunctions): Evaluator {
  const arg = compileExpression(cast.arg, functions);
  return (batch) => castToType(arg(batch), cast.type, cast.lenient);
}

/** Batches of one scan mostly have one length, so the last column made is kept. */
function compileLiteral(value: Scalar, type: ColumnType): Evaluator {
  let last: Column | undefined;
  return (batch) => {
    if (last?.length !== batch.length) last = constantColumn(value, type, batch.length);
    return last;
  };
}

function compileCall(call: Extract<Expression, { node: 'call' }>, functions: ScalarFunctions): Evaluator {
  const args = call.args.map((arg) => compileExpression(arg, functions));
  const name = call.function;
  const rowByRow = compileRowByRow(call, functions);
  const [left, right] = args;
  if (isComparison(name)) return (batch) => compareColumns(name, left(batch), right(batch));
  if (name === 'not') return (batch) => notColumn(left(batch));
  if (name === 'is_null') return (batch) => isNullColumn(left(batch), false);
  if (name === 'is_not_null') return (batch) => isNullColumn(left(batch), true);
  if (isArithmetic(name) && args.length === 2) {
    return (batch) => {
      const operands = [left(batch), right(batch)];
      return arithmeticColumns(name, operands[0], operands[1], call.type) ?? rowByRow(operands, batch.length);
    };
  }
  if ((name === 'like' || name === 'ilike' || name === 'starts_with') && args.length === 2) {
    const test = compilePattern(name);
    return (batch) => {
      const operands = [left(batch), right(batch)];
      const pattern = constantOf(operands[1]);
      if (pattern === undefined || operands[0].data.layout === 'none') return rowByRow(operands, batch.length);
      return testColumn(operands[0], test(constantText(pattern)));
    };
  }
  return (batch) =>
    rowByRow(
      args.map((arg) => arg(batch)),
      batch.length,
    );
}

function compilePattern(name: 'like' | 'ilike' | 'starts_with') {
  let lastPattern: string | undefined;
  let lastTest = startsWithTest('');
  return (pattern: string) => {
    if (pattern !== lastPattern) {
      lastTest = name === 'starts_with' ? startsWithTest(pattern) : likeTest(pattern, name === 'ilike');
      lastPattern = pattern;
    }
    return lastTest;
  };
}

type RowByRow = (args: readonly Column[], length: number) => Column;

/** Asks the catalogue's function once a row. */
function compileRowByRow(call: Extract<Expression, { node: 'call' }>, functions: ScalarFunctions): RowByRow {
  const argTypes = call.args.map((arg) => arg.type);
  const found = functions.find(call.function);
  return (args, length) => {
    if (found === undefined) throw new OrasiError('unsupported_sql', `there is no function ${call.function}`);
    const values = new Array<Scalar>(length);
    for (let row = 0; row < length; row++) values[row] = callRow(found, args, row, argTypes, call.type);
    return columnOfScalars(call.type, values);
  };
}

function callRow(
  called: ScalarFunction,
  args: readonly Column[],
  row: number,
  argTypes: readonly ColumnType[],
  type: ColumnType,
): Scalar {
  const scalars = args.map((arg) => scalarAt(arg, row));
  if (called.strict && scalars.includes(null)) return null;
  return called.evaluate(scalars, argTypes, type);
}

/**
 * `and` and `or` over several conditions. Where a condition fails on some row, it is asked again over only
 * the rows that the ones before it left open: `x <> 0 AND 1 / x > 2` guards its division.
 */
function compileChain(conditions: readonly Expression[], functions: ScalarFunctions, isAnd: boolean): Evaluator {
  const runs = conditions.map((condition) => compileExpression(condition, functions));
  const needed = conditions.map((condition) => columnsOf(condition));
  const join = isAnd ? andColumns : orColumns;
  return (batch) => {
    let answer = runs[0](batch);
    for (let i = 1; i < runs.length; i++) {
      let next: Column;
      try {
        next = runs[i](batch);
      } catch (error) {
        if (!(error instanceof OrasiError)) throw error;
        const open = openRows(answer, isAnd);
        next = scatterRows(runs[i](gatherOnly(batch, needed[i], open)), open, batch.length);
      }
      answer = join(answer, next);
    }
    return answer;
  };
}

/** Rows that a further condition can still decide: not false yet (and), not true yet (or). */
function openRows(answer: Column, isAnd: boolean): Int32Array {
  const closed = trueBits(isAnd ? notColumn(answer) : answer);
  return rowsOfBits(notBits(closed, answer.length), answer.length);
}

/** The answers for `rows` as a column of all rows; the others are null. */
function scatterRows(column: Column, rows: Int32Array, length: number): Column {
  const source = new Int32Array(length).fill(-1);
  for (let i = 0; i < rows.length; i++) source[rows[i]] = i;
  return gatherColumn(column, source);
}

/** The rows of the columns an expression reads; other ordinals hold nothing. */
function gatherOnly(batch: Batch, needed: ReadonlySet<number>, rows: Int32Array): Batch {
  const columns: Column[] = [];
  for (const index of needed) columns[index] = gatherColumn(batch.columns[index], rows);
  return { schema: batch.schema, length: rows.length, columns };
}

/** Each branch is evaluated over only the rows that reach it, so that a condition guards what follows it. */
function compileCase(expression: Extract<Expression, { node: 'case' }>, functions: ScalarFunctions): Evaluator {
  const branches = expression.branches.map(({ when, then }) => ({
    when: compileExpression(when, functions),
    whenColumns: columnsOf(when),
    value: compileExpression(then, functions),
    valueColumns: columnsOf(then),
  }));
  const otherwise = expression.otherwise === null ? null : compileExpression(expression.otherwise, functions);
  const otherwiseColumns = expression.otherwise === null ? new Set<number>() : columnsOf(expression.otherwise);
  return (batch) => {
    // Row i of the answer is row source[i] of the parts joined; below 0 it is null.
    const source = new Int32Array(batch.length).fill(-1);
    const parts: Column[] = [];
    let size = 0;
    const add = (part: Column, rows: Int32Array) => {
      for (let i = 0; i < rows.length; i++) source[rows[i]] = size + i;
      parts.push(part);
      size += rows.length;
    };
    let open = Int32Array.from({ length: batch.length }, (_, row) => row);
    for (const { when, whenColumns, value, valueColumns } of branches) {
      if (open.length === 0) break;
      const taken = trueBits(when(gatherOnly(batch, whenColumns, open)));
      if (isAllClear(taken.subarray(0, bitmapBytes(open.length)))) continue;
      const rows = takeRows(open, rowsOfBits(taken, open.length));
      add(value(gatherOnly(batch, valueColumns, rows)), rows);
      open = takeRows(open, rowsOfBits(notBits(taken, open.length), open.length));
    }
    if (otherwise !== null && open.length > 0) add(otherwise(gatherOnly(batch, otherwiseColumns, open)), open);
    if (parts.length === 0) return nullColumn(expression.type, batch.length);
    return gatherColumn(concatColumns(expression.type, parts), source);
  };
}

function takeRows(rows: Int32Array, at: Int32Array): Int32Array<ArrayBuffer> {
  const out = new Int32Array(at.length);
  for (let i = 0; i < at.length; i++) out[i] = rows[at[i]];
  return out;
}
