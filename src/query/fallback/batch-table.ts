import type { SqliteIndexInfo, SqliteModuleMethods } from 'wa-sqlite/dist/wa-sqlite.mjs';
import { type Column, isNull, scalarAt } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import { SQLITE, type SqliteConnection } from './sqlite.ts';
import { type SqliteValue, toSqlite } from './values.ts';

/** Rows that SQLite can read as a virtual table. */
export interface TableRows {
  readonly length: number;
  readonly width: number;
  /** Gives SQLite the value of a column at a row. */
  write(connection: SqliteConnection, context: number, column: number, row: number): void;
  /** The value as SQLite would see it. */
  value(column: number, row: number): SqliteValue;
}

/** Columns of batches as rows. */
export function columnRows(columns: readonly Column[], length: number): TableRows {
  const writers = columns.map(writerOf);
  return {
    length,
    width: columns.length,
    write: (connection, context, column, row) => writers[column](connection, context, row),
    value: (column, row) => toSqlite(scalarAt(columns[column], row), columns[column].type),
  };
}

/** Rows of values that are SQLite's already: what a round of a recursion gave. */
export function valueRows(rows: readonly (readonly SqliteValue[])[], width: number): TableRows {
  return {
    length: rows.length,
    width,
    write: (connection, context, column, row) => connection.result(context, rows[row][column]),
    value: (column, row) => rows[row][column],
  };
}

type Writer = (connection: SqliteConnection, context: number, row: number) => void;

function writerOf(column: Column): Writer {
  const write = valueWriter(column);
  if (column.validity === null) return write;
  return (connection, context, row) => {
    if (isNull(column, row)) connection.module._sqlite3_result_null(context);
    else write(connection, context, row);
  };
}

/** Writes straight from the column's memory where its layout allows; no value becomes an object on the way. */
function valueWriter(column: Column): Writer {
  const { data, type } = column;
  switch (data.layout) {
    case 'fixed': {
      const { values } = data;
      if (values instanceof BigInt64Array) {
        const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
        return ({ module }, context, row) => module._sqlite3_result_int64(context, words[2 * row], words[2 * row + 1]);
      }
      if (type.kind === 'double') return doubleWriter(values);
      if (values instanceof Int32Array) {
        return ({ module }, context, row) => module._sqlite3_result_int(context, values[row]);
      }
      return ({ module }, context, row) => {
        const high = Math.floor(values[row] / 4_294_967_296);
        module._sqlite3_result_int64(context, (values[row] - high * 4_294_967_296) | 0, high);
      };
    }
    case 'varlen': {
      const { offsets, bytes } = data;
      const isBlob = type.kind === 'bytes';
      return (connection, context, row) => {
        const size = offsets[row + 1] - offsets[row];
        const address = connection.scratchBytes(bytes.subarray(offsets[row], offsets[row + 1]));
        const { module } = connection;
        if (isBlob) module._sqlite3_result_blob(context, address, size, SQLITE.transient);
        else module._sqlite3_result_text(context, address, size, SQLITE.transient);
      };
    }
    case 'dictionary': {
      const entry = writerOf(data.dictionary);
      return (connection, context, row) => entry(connection, context, data.codes[row]);
    }
    default:
      return (connection, context, row) => connection.result(context, toSqlite(scalarAt(column, row), type));
  }
}

function doubleWriter(values: Int32Array | Float64Array): Writer {
  return (connection, context, row) => {
    const value = values[row];
    if (Number.isNaN(value)) connection.result(context, toSqlite(value, DOUBLE));
    else connection.module._sqlite3_result_double(context, value);
  };
}

const DOUBLE: ColumnType = { kind: 'double' };

const CONSTRAINT_EQ = 2;

interface Cursor {
  readonly table: BatchTable;
  row: number;
  /** Rows left to visit, by their chain in an index; null while all rows are visited in order. */
  chain: Int32Array | null;
}

/** One table and its indexes, which are made when a join first looks rows up by a column. */
class BatchTable {
  readonly rows: TableRows;
  readonly #indexes = new Map<number, { heads: Map<SqliteValue, number>; next: Int32Array }>();

  constructor(rows: TableRows) {
    this.rows = rows;
  }

  /** The first row whose column has the value, or -1, and the chain to the others. */
  find(column: number, value: SqliteValue): { first: number; chain: Int32Array } {
    let index = this.#indexes.get(column);
    if (index === undefined) {
      const heads = new Map<SqliteValue, number>();
      const next = new Int32Array(this.rows.length);
      for (let row = this.rows.length - 1; row >= 0; row--) {
        const key = keyOf(this.rows.value(column, row));
        next[row] = heads.get(key) ?? -1;
        heads.set(key, row);
      }
      index = { heads, next };
      this.#indexes.set(column, index);
    }
    return { first: value === null ? -1 : (index.heads.get(keyOf(value)) ?? -1), chain: index.next };
  }
}

/** A key of a Map that is equal where SQLite's values are: 1 and 1.0 are, and bytes by content. */
function keyOf(value: SqliteValue): SqliteValue {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  return value instanceof Uint8Array ? `\0${Buffer.from(value).toString('latin1')}` : value;
}

/** The tables of one connection, by name, and the module through which SQLite reads them. */
export class BatchTables {
  readonly #connection: SqliteConnection;
  readonly #named = new Map<string, BatchTable>();
  readonly #connected = new Map<number, BatchTable>();
  readonly #cursors = new Map<number, Cursor>();

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
    const code = connection.module.createModule(connection.db, 'batches', this.#methods(), undefined);
    assert(code === SQLITE.ok, 'SQLite takes the module');
  }

  create(name: string, rows: TableRows): void {
    this.#named.set(name, new BatchTable(rows));
    this.#connection.run(`CREATE VIRTUAL TABLE temp.${name} USING batches`);
  }

  dropAll(): void {
    for (const name of this.#named.keys()) this.#connection.run(`DROP TABLE IF EXISTS temp.${name}`);
    this.#named.clear();
    this.#connected.clear();
    this.#cursors.clear();
  }

  drop(name: string): void {
    this.#connection.run(`DROP TABLE temp.${name}`);
    this.#named.delete(name);
  }

  #methods(): SqliteModuleMethods {
    const connection = this.#connection;
    const cursorOf = (address: number): Cursor => {
      const cursor = this.#cursors.get(address);
      assert(cursor !== undefined, 'SQLite moves only cursors it opened');
      return cursor;
    };
    const tableOf = (address: number): BatchTable => {
      const table = this.#connected.get(address);
      assert(table !== undefined, 'SQLite asks only of tables it connected');
      return table;
    };
    const connect = (db: number, _: unknown, [, , name]: string[], address: number): number =>
      connection.guard(() => {
        const table = this.#named.get(name);
        assert(table !== undefined, `there is a table ${name}`);
        this.#connected.set(address, table);
        return connection.declareTable(db, table.rows.width);
      }, SQLITE.error);
    return {
      xCreate: connect,
      xConnect: connect,
      xDisconnect: (address) => {
        this.#connected.delete(address);
        return SQLITE.ok;
      },
      xDestroy: (address) => {
        this.#connected.delete(address);
        return SQLITE.ok;
      },
      xBestIndex: (address, info) =>
        connection.guard(() => {
          chooseIndex(tableOf(address).rows.length, info);
          return SQLITE.ok;
        }, SQLITE.error),
      xOpen: (address, cursor) =>
        connection.guard(() => {
          this.#cursors.set(cursor, { table: tableOf(address), row: 0, chain: null });
          return SQLITE.ok;
        }, SQLITE.error),
      xClose: (cursor) => {
        this.#cursors.delete(cursor);
        return SQLITE.ok;
      },
      xFilter: (address, indexNumber, _, values) =>
        connection.guard(() => {
          const cursor = cursorOf(address);
          if (indexNumber === 0) {
            cursor.row = 0;
            cursor.chain = null;
          } else {
            const { first, chain } = cursor.table.find(indexNumber - 1, connection.argument(values[0]));
            cursor.row = first;
            cursor.chain = chain;
          }
          return SQLITE.ok;
        }, SQLITE.error),
      xNext: (address) => {
        const cursor = cursorOf(address);
        cursor.row = cursor.chain === null ? cursor.row + 1 : cursor.chain[cursor.row];
        return SQLITE.ok;
      },
      xEof: (address) => {
        const { row, table } = cursorOf(address);
        return row < 0 || row >= table.rows.length ? 1 : 0;
      },
      xColumn: (address, context, column) =>
        connection.guard(() => {
          const { row, table } = cursorOf(address);
          if (table.rows.width === 0) connection.module._sqlite3_result_null(context);
          else table.rows.write(connection, context, column, row);
          return SQLITE.ok;
        }, SQLITE.error),
      xRowid: (address, rowid) => {
        rowid.setBigInt64(0, BigInt(cursorOf(address).row), true);
        return SQLITE.ok;
      },
    };
  }
}

/** An equality with a column is looked up in an index of it; SQLite checks the rows again. */
function chooseIndex(rows: number, info: SqliteIndexInfo): void {
  const at = info.aConstraint.findIndex(({ iColumn, op, usable }) => usable && op === CONSTRAINT_EQ && iColumn >= 0);
  if (at < 0) {
    info.estimatedCost = rows + 1;
    info.estimatedRows = rows;
    return;
  }
  info.idxNum = info.aConstraint[at].iColumn + 1;
  info.aConstraintUsage[at].argvIndex = 1;
  info.estimatedCost = 10;
  info.estimatedRows = 10;
}
