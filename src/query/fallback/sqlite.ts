import createSqlite, { type SqliteModule } from 'wa-sqlite/dist/wa-sqlite.mjs';
import { assert, OrasiError } from '../../core/errors.ts';
import type { SqliteValue } from './values.ts';

/** Result codes, type codes and flags of SQLite's C interface (https://www.sqlite.org/c3ref/constlist.html). */
export const SQLITE = {
  ok: 0,
  error: 1,
  noMemory: 7,
  interrupt: 9,
  row: 100,
  done: 101,
  integer: 1,
  float: 2,
  text: 3,
  blob: 4,
  null: 5,
  openMemory: 0x82 | 0x4,
  /** UTF-8, and the same answer for the same arguments. */
  functionFlags: 1 | 0x800,
  /** The bytes are copied before the call returns. */
  transient: -1,
} as const;

/**
 * Bytes SQLite's memory may grow to, with all it holds for sorting, grouping and joining. The module's own bound
 * is 2 GB, and its heap limits are compiled out, so its host says no.
 */
const MEMORY_BYTES = 64 * 1024 * 1024;
/** What the module calls `emscripten_resize_heap`; its names are minified, and the package is pinned. */
const RESIZE_HEAP = 'o';
/** Instructions of SQLite's machine between two looks at the query's checkpoint. */
export const CHECK_EVERY = 100_000;

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** What SQLite says of statements beyond its compiled-in limits (https://www.sqlite.org/limits.html). */
const LIMIT_MESSAGES = /too (many|large|big|long)|maximum depth|stack overflow|at most \d+/;

type Callback = (values: Uint32Array) => SqliteValue;

/** What an aggregate does on one connection: rows go in, an answer comes out and the state is new again. */
export interface AggregateCallback {
  step(values: Uint32Array): void;
  final(): SqliteValue;
}

/**
 * One connection to SQLite, kept and used again. wa-sqlite holds on to every function it was ever given, so
 * functions are registered once by place (`f0`, `a0`, …) and what a place does is set for each statement.
 */
export class SqliteConnection {
  readonly #module: SqliteModule;
  readonly #db: number;
  readonly #scalars: (Callback | undefined)[] = [];
  readonly #aggregates = new Map<string, AggregateCallback>();
  readonly #registered = new Set<string>();
  #scratch = 0;
  #scratchBytes = 0;
  #checkpoint: (() => void) | undefined;
  /** What one of our own functions threw while SQLite ran it; an exception must not cross its frames. */
  #failure: unknown;
  #failed = false;

  constructor(module: SqliteModule) {
    this.#module = module;
    const address = module._malloc(8);
    const path = this.#utf8(':memory:');
    const code = module._sqlite3_open_v2(path, address, SQLITE.openMemory, 0);
    this.#db = module.HEAP32[address >> 2];
    module._free(address);
    module._free(path);
    assert(code === SQLITE.ok, 'SQLite opens a database in memory');
    this.run('PRAGMA temp_store = 2');
    module.progressHandler(this.#db, CHECK_EVERY, () => this.#interrupted(), undefined);
  }

  get module(): SqliteModule {
    return this.#module;
  }

  get db(): number {
    return this.#db;
  }

  /** Asked now and then while SQLite runs; whatever it throws ends the statement. */
  set checkpoint(check: (() => void) | undefined) {
    this.#checkpoint = check;
  }

  #interrupted(): number {
    return this.guard(() => {
      this.#checkpoint?.();
      return 0;
    }, 1);
  }

  /** Runs our own code within SQLite's; a failure is kept for `raise`, and SQLite is told `otherwise`. */
  guard<T>(compute: () => T, otherwise: T): T {
    if (this.#failed) return otherwise;
    try {
      return compute();
    } catch (error) {
      this.#failed = true;
      this.#failure = error;
      return otherwise;
    }
  }

  setScalar(name: string, callback: Callback): void {
    const place = Number(name.slice(1));
    this.#scalars[place] = callback;
    if (this.#registered.has(name)) return;
    this.#registered.add(name);
    const call = (context: number, values: Uint32Array) => {
      const answer = this.guard(() => this.#scalars[place]?.(values) ?? null, undefined);
      this.#answer(context, answer);
    };
    this.#check(this.#module.createFunction(this.#db, name, -1, SQLITE.functionFlags, undefined, call));
  }

  setAggregate(name: string, callback: AggregateCallback): void {
    this.#aggregates.set(name, callback);
    if (this.#registered.has(name)) return;
    this.#registered.add(name);
    const step = (_: number, values: Uint32Array) => {
      this.guard(() => this.#aggregates.get(name)?.step(values), undefined);
    };
    const final = (context: number) => {
      this.#answer(
        context,
        this.guard(() => this.#aggregates.get(name)?.final() ?? null, undefined),
      );
    };
    this.#check(this.#module.createAggregate(this.#db, name, -1, SQLITE.functionFlags, undefined, step, final));
  }

  /** Lets go of everything a statement gave. */
  clear(): void {
    this.#scalars.length = 0;
    this.#aggregates.clear();
    this.#checkpoint = undefined;
    this.#failure = undefined;
    this.#failed = false;
  }

  #answer(context: number, value: SqliteValue | undefined): void {
    if (value === undefined) {
      const text = this.#utf8('failed');
      this.#module._sqlite3_result_error(context, text, -1);
      this.#module._free(text);
    } else this.result(context, value);
  }

  /** Gives a function's answer, or a virtual table's column. */
  result(context: number, value: SqliteValue): void {
    const module = this.#module;
    if (value === null) module._sqlite3_result_null(context);
    else if (typeof value === 'number') module._sqlite3_result_double(context, value);
    else if (typeof value === 'bigint') {
      module._sqlite3_result_int64(context, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
    } else if (typeof value === 'string') {
      const size = this.#scratchText(value);
      module._sqlite3_result_text(context, this.#scratch, size, SQLITE.transient);
    } else {
      const address = this.scratchBytes(value);
      module._sqlite3_result_blob(context, address, value.length, SQLITE.transient);
    }
  }

  #scratchText(text: string): number {
    this.#reserve(3 * text.length + 1);
    const target = this.#module.HEAPU8.subarray(this.#scratch, this.#scratch + this.#scratchBytes);
    return new TextEncoder().encodeInto(text, target).written;
  }

  /** Bytes copied to where SQLite can read them until the next call. */
  scratchBytes(bytes: Uint8Array): number {
    this.#reserve(bytes.length + 1);
    this.#module.HEAPU8.set(bytes, this.#scratch);
    return this.#scratch;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#scratchBytes) return;
    if (this.#scratch !== 0) this.#module._free(this.#scratch);
    this.#scratchBytes = Math.max(4096, 2 * bytes);
    this.#scratch = this.#module._malloc(this.#scratchBytes);
    if (this.#scratch === 0) {
      this.#scratchBytes = 0;
      throw outOfMemory();
    }
  }

  /** An argument of one of our functions. */
  argument(value: number): SqliteValue {
    const module = this.#module;
    switch (module._sqlite3_value_type(value)) {
      case SQLITE.integer:
        return join64(module._sqlite3_value_int64(value), module.getTempRet0());
      case SQLITE.float:
        return module._sqlite3_value_double(value);
      case SQLITE.text: {
        const address = module._sqlite3_value_text(value);
        return this.#decode(address, module._sqlite3_value_bytes(value));
      }
      case SQLITE.blob: {
        const address = module._sqlite3_value_blob(value);
        return module.HEAPU8.slice(address, address + module._sqlite3_value_bytes(value));
      }
      default:
        return null;
    }
  }

  #decode(address: number, size: number): string {
    return decoder.decode(this.#module.HEAPU8.subarray(address, address + size));
  }

  /** Runs a statement that gives no rows. */
  run(sql: string): void {
    const statement = this.prepare(sql);
    try {
      while (statement.step());
    } finally {
      statement.finish();
    }
  }

  prepare(sql: string): SqliteStatement {
    const module = this.#module;
    const text = this.#utf8(sql);
    const out = module._malloc(8);
    const code = module._sqlite3_prepare_v2(this.#db, text, -1, out, 0);
    const handle = module.HEAP32[out >> 2];
    module._free(out);
    module._free(text);
    this.#check(code);
    return new SqliteStatement(this, handle);
  }

  /** Declares a virtual table's columns, from within its connect. */
  declareTable(db: number, columns: number): number {
    const names = columns === 0 ? 'c0' : Array.from({ length: columns }, (_, i) => `c${i}`).join(', ');
    const text = this.#utf8(`CREATE TABLE x(${names})`);
    const code = this.#module._sqlite3_declare_vtab(db, text);
    this.#module._free(text);
    return code;
  }

  #utf8(text: string): number {
    const bytes = new TextEncoder().encode(text);
    const address = this.#module._malloc(bytes.length + 1);
    if (address === 0) throw outOfMemory();
    this.#module.HEAPU8.set(bytes, address);
    this.#module.HEAPU8[address + bytes.length] = 0;
    return address;
  }

  #check(code: number): void {
    if (code !== SQLITE.ok) this.raise(code);
  }

  /** Throws what a result code stands for: our own failure where there was one. */
  raise(code: number): never {
    if (this.#failed) throw this.#failure;
    if (code === SQLITE.noMemory) throw outOfMemory();
    const address = this.#module._sqlite3_errmsg(this.#db);
    const end = this.#module.HEAPU8.indexOf(0, address);
    const message = this.#decode(address, end - address);
    if (LIMIT_MESSAGES.test(message))
      throw new OrasiError('query_too_large', `the statement is beyond SQLite's bounds: ${message}`);
    throw new Error(`SQLite: ${message} (${code})`);
  }

  readColumn(statement: number, column: number): SqliteValue {
    const module = this.#module;
    switch (module._sqlite3_column_type(statement, column)) {
      case SQLITE.integer:
        return join64(module._sqlite3_column_int64(statement, column), module.getTempRet0());
      case SQLITE.float:
        return module._sqlite3_column_double(statement, column);
      case SQLITE.text: {
        const address = module._sqlite3_column_text(statement, column);
        return this.#decode(address, module._sqlite3_column_bytes(statement, column));
      }
      case SQLITE.blob: {
        const address = module._sqlite3_column_blob(statement, column);
        return module.HEAPU8.slice(address, address + module._sqlite3_column_bytes(statement, column));
      }
      default:
        return null;
    }
  }

  bind(statement: number, index: number, value: SqliteValue): void {
    const module = this.#module;
    if (value === null) this.#check(module._sqlite3_bind_null(statement, index));
    else if (typeof value === 'number') this.#check(module._sqlite3_bind_double(statement, index, value));
    else if (typeof value === 'bigint') {
      const [low, high] = [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
      this.#check(module._sqlite3_bind_int64(statement, index, low, high));
    } else if (typeof value === 'string') {
      const size = this.#scratchText(value);
      this.#check(module._sqlite3_bind_text(statement, index, this.#scratch, size, SQLITE.transient));
    } else {
      const address = this.scratchBytes(value);
      this.#check(module._sqlite3_bind_blob(statement, index, address, value.length, SQLITE.transient));
    }
  }
}

/** A prepared statement; finished by whoever prepared it. */
export class SqliteStatement {
  readonly #connection: SqliteConnection;
  readonly #handle: number;

  constructor(connection: SqliteConnection, handle: number) {
    this.#connection = connection;
    this.#handle = handle;
  }

  /** Values of ?1, ?2, …; those the text does not use are left out. */
  bind(values: readonly SqliteValue[]): void {
    const count = this.#connection.module._sqlite3_bind_parameter_count(this.#handle);
    for (let i = 0; i < count; i++) this.#connection.bind(this.#handle, i + 1, values[i]);
  }

  /** Moves to the next row; false after the last. */
  step(): boolean {
    const code = this.#connection.module._sqlite3_step(this.#handle);
    if (code === SQLITE.row) return true;
    if (code !== SQLITE.done) this.#connection.raise(code);
    return false;
  }

  reset(): void {
    this.#connection.module._sqlite3_reset(this.#handle);
  }

  column(index: number): SqliteValue {
    return this.#connection.readColumn(this.#handle, index);
  }

  finish(): void {
    this.#connection.module._sqlite3_finalize(this.#handle);
  }
}

function join64(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function outOfMemory(): OrasiError {
  return new OrasiError('query_too_large', `SQLite needs more than the ${MEMORY_BYTES} bytes it may hold`);
}

/** SQLite over its WebAssembly, already compiled, since a Worker may not compile at request time. */
export async function loadSqlite(wasm: WebAssembly.Module): Promise<SqliteModule> {
  return createSqlite({
    locateFile: (name) => name,
    instantiateWasm(imports, receive) {
      const host = imports['a'];
      const resize = host[RESIZE_HEAP];
      assert(typeof resize === 'function', 'the module asks its host for memory');
      const bounded = (bytes: number) => (bytes >>> 0 <= MEMORY_BYTES ? resize(bytes) : 0);
      const instance = new WebAssembly.Instance(wasm, { a: { ...host, [RESIZE_HEAP]: bounded } });
      receive(instance);
      return instance.exports;
    },
    print: () => undefined,
    printErr: () => undefined,
  });
}
