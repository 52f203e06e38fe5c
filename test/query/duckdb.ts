import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import type { Scalar } from '../../src/columns/column.ts';
import { decimalText } from '../../src/columns/text.ts';
import { type ColumnType, typeName } from '../../src/columns/types.ts';
import { sqlText } from '../../src/query/functions/value-text.ts';
import type { TestTable } from './conformance/tables.ts';

/** An answer in words that are the same where the values are: numbers to 12 digits, whatever their type. */
export interface OracleAnswer {
  readonly types: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * MATCH for DuckDB, as far as words alone go: all words of the query are among the text's, or the beginning of one is
 * where the query ends in a star. Right for Latin letters and digits, the query in small letters without accents.
 */
const MATCH_MACRO = `CREATE MACRO match(body, query) AS CASE WHEN ends_with(query, '*')
  THEN len(list_filter(regexp_split_to_array(lower(strip_accents(body)), '[^a-z0-9]+'),
    lambda word: starts_with(word, query[:-2]))) > 0
  ELSE list_has_all(regexp_split_to_array(lower(strip_accents(body)), '[^a-z0-9]+'), string_split(query, ' ')) END`;

/** DuckDB in memory, one thread, with the test's tables. */
export class Oracle {
  readonly #connection: DuckDBConnection;

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  static async open(tables: readonly TestTable[]): Promise<Oracle> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const oracle = new Oracle(await instance.connect());
    await oracle.#connection.run("SET TimeZone = 'UTC'");
    await oracle.#connection.run(MATCH_MACRO);
    for (const table of tables) await oracle.add(table);
    return oracle;
  }

  async add({ name, columns, rows }: TestTable): Promise<void> {
    const types = columns.map((column) => `"${column.name}" ${duckType(column.type)}`).join(', ');
    await this.#connection.run(`CREATE TABLE "${name}" (${types})`);
    for (let start = 0; start < rows.length; start += 500) {
      const values = rows
        .slice(start, start + 500)
        .map((row) => `(${row.map((value, i) => duckLiteral(value, columns[i].type)).join(', ')})`);
      await this.#connection.run(`INSERT INTO "${name}" VALUES ${values.join(', ')}`);
    }
  }

  async query(sql: string, parameters: readonly (string | number | boolean | null)[] = []): Promise<OracleAnswer> {
    const reader = await this.#connection.runAndReadAll(sql, parameters.length === 0 ? undefined : [...parameters]);
    return {
      types: reader.columnTypes().map(String),
      rows: reader.getRows().map((row) => row.map(wordOf)),
    };
  }
}

function duckType(type: ColumnType): string {
  const names: Record<string, string> = { int64: 'BIGINT', string: 'VARCHAR', bytes: 'BLOB', bool: 'BOOLEAN' };
  return names[type.kind] ?? typeName(type).toUpperCase();
}

function duckLiteral(value: Scalar, type: ColumnType): string {
  if (value === null) return 'NULL';
  if (type.kind === 'bool' || type.kind === 'int64') return String(value);
  const text = type.kind === 'double' ? String(value) : sqlText(value, type);
  return `'${text.replaceAll("'", "''")}'::${duckType(type)}`;
}

/** A double's word: eleven digits, for sums depend on the order of rows. */
function doubleWord(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return value === 0 ? '0' : String(Number(value.toPrecision(11)));
}

/** An exact number's word, so that 5, 5.0 and 5.00 are one; up to fifteen digits it is a double's too. */
function exactWord(text: string): string {
  if (text.replace(/\D/g, '').length <= 15) return doubleWord(Number(text));
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function wordOf(value: DuckDBValue): string {
  if (value === null || value === undefined) return 'NULL';
  switch (typeof value) {
    case 'bigint':
      return exactWord(String(value));
    case 'number':
      return doubleWord(value);
    case 'boolean':
      return String(value);
    case 'string':
      return `'${value}'`;
  }
  const kind = value.constructor.name;
  if (kind === 'DuckDBDecimalValue') return exactWord(String(value));
  if (kind === 'DuckDBListValue') return `'${JSON.stringify(plain(value))}'`;
  // Time stamps with a zone are instants in UTC here; ours say no zone.
  return String(value).replace(/\+00$/, '');
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'object' && value !== null && 'items' in value) return (value.items as unknown[]).map(plain);
  if (typeof value === 'object' && value !== null) return String(value);
  return value;
}

/** One of our values in the same words. */
export function ownWord(value: Scalar, type: ColumnType): string {
  if (value === null) return 'NULL';
  switch (type.kind) {
    case 'int64':
      return exactWord(String(value));
    case 'double':
      return doubleWord(value as number);
    case 'decimal':
      return exactWord(decimalText(value as bigint, type.scale, true));
    case 'string':
    case 'json':
      return `'${value}'`;
    default:
      return sqlText(value, type);
  }
}
