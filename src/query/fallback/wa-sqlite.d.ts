/** The parts of wa-sqlite's module that are used; the package's own types cover another layer, which is not. */
declare module 'wa-sqlite/dist/wa-sqlite.mjs' {
  /** A virtual table module; every method answers an SQLite result code. */
  export interface SqliteModuleMethods {
    xConnect(db: number, data: unknown, argv: string[], table: number, error: unknown): number;
    xCreate(db: number, data: unknown, argv: string[], table: number, error: unknown): number;
    xBestIndex(table: number, info: SqliteIndexInfo): number;
    xDisconnect(table: number): number;
    xDestroy(table: number): number;
    xOpen(table: number, cursor: number): number;
    xClose(cursor: number): number;
    xFilter(cursor: number, indexNumber: number, indexText: string | null, values: Uint32Array): number;
    xNext(cursor: number): number;
    xEof(cursor: number): number;
    xColumn(cursor: number, context: number, column: number): number;
    xRowid(cursor: number, rowid: { setBigInt64(offset: number, value: bigint, littleEndian: boolean): void }): number;
  }

  export interface SqliteIndexInfo {
    readonly aConstraint: readonly { iColumn: number; op: number; usable: boolean }[];
    readonly aConstraintUsage: { argvIndex: number; omit: boolean }[];
    idxNum: number;
    estimatedCost: number;
    estimatedRows: number;
  }

  export interface SqliteModule {
    readonly HEAPU8: Uint8Array;
    readonly HEAP32: Int32Array;
    getTempRet0(): number;
    _malloc(bytes: number): number;
    _free(address: number): void;
    _getSqliteFree(): number;
    _sqlite3_malloc(bytes: number): number;
    _sqlite3_free(address: number): void;
    _sqlite3_open_v2(path: number, db: number, flags: number, vfs: number): number;
    _sqlite3_close(db: number): number;
    _sqlite3_errmsg(db: number): number;
    _sqlite3_prepare_v2(db: number, sql: number, bytes: number, statement: number, tail: number): number;
    _sqlite3_step(statement: number): number;
    _sqlite3_reset(statement: number): number;
    _sqlite3_finalize(statement: number): number;
    _sqlite3_declare_vtab(db: number, sql: number): number;
    _sqlite3_bind_null(statement: number, index: number): number;
    _sqlite3_bind_double(statement: number, index: number, value: number): number;
    _sqlite3_bind_int64(statement: number, index: number, low: number, high: number): number;
    _sqlite3_bind_text(statement: number, index: number, text: number, bytes: number, destructor: number): number;
    _sqlite3_bind_blob(statement: number, index: number, bytes: number, size: number, destructor: number): number;
    _sqlite3_bind_parameter_count(statement: number): number;
    _sqlite3_column_count(statement: number): number;
    _sqlite3_column_type(statement: number, column: number): number;
    _sqlite3_column_int64(statement: number, column: number): number;
    _sqlite3_column_double(statement: number, column: number): number;
    _sqlite3_column_text(statement: number, column: number): number;
    _sqlite3_column_blob(statement: number, column: number): number;
    _sqlite3_column_bytes(statement: number, column: number): number;
    _sqlite3_value_type(value: number): number;
    _sqlite3_value_int64(value: number): number;
    _sqlite3_value_double(value: number): number;
    _sqlite3_value_text(value: number): number;
    _sqlite3_value_blob(value: number): number;
    _sqlite3_value_bytes(value: number): number;
    _sqlite3_result_null(context: number): void;
    _sqlite3_result_int(context: number, value: number): void;
    _sqlite3_result_int64(context: number, low: number, high: number): void;
    _sqlite3_result_double(context: number, value: number): void;
    _sqlite3_result_text(context: number, text: number, bytes: number, destructor: number): void;
    _sqlite3_result_blob(context: number, bytes: number, size: number, destructor: number): void;
    _sqlite3_result_error(context: number, text: number, bytes: number): void;
    createFunction(
      db: number,
      name: string,
      args: number,
      flags: number,
      data: unknown,
      call: (context: number, values: Uint32Array) => void,
    ): number;
    createAggregate(
      db: number,
      name: string,
      args: number,
      flags: number,
      data: unknown,
      step: (context: number, values: Uint32Array) => void,
      final: (context: number) => void,
    ): number;
    createModule(db: number, name: string, methods: SqliteModuleMethods, data: unknown): number;
    progressHandler(db: number, instructions: number, handler: () => number, data: unknown): void;
  }

  // biome-ignore lint/style/noDefaultExport: it is how the package exports it
  export default function createSqlite(options: {
    locateFile(name: string): string;
    instantiateWasm(
      imports: WebAssembly.Imports,
      receive: (instance: WebAssembly.Instance) => void,
    ): WebAssembly.Exports;
    print(text: string): void;
    printErr(text: string): void;
  }): Promise<SqliteModule>;
}
