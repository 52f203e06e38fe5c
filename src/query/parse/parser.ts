import { OrasiError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { type Node, nodeKind, type SelectStmt } from './ast.ts';
import { type Marks, type Rewritten, rewriteDialect } from './dialect.ts';
import { ParserAborted, PgInstance } from './pg-module.ts';
import { tokenize } from './tokens.ts';

/** A parsed SELECT. */
export interface ParsedStatement {
  readonly sql: string;
  readonly select: SelectStmt;
  readonly marks: Marks;
}

export interface SqlParser {
  /**
   * Parses one SELECT statement.
   *
   * @throws OrasiError `invalid_sql` with the path `sql@<offset>` where the text is not SQL, `unsupported_sql`
   *   where it is another kind of statement, `query_too_large` where it is too long or too deeply nested.
   */
  parse(sql: string): ParsedStatement;
}

/** Nested nodes of a tree; each later step (bind, rewrite, evaluate, emit) goes down it by recursion. */
const MAX_DEPTH = 400;
/** JSON levels that a node of the tree takes, at most: node, its fields, a list. */
const JSON_LEVELS_PER_NODE = 4;
/** Statements whose trees are kept, and the characters of text among them. */
const CACHE_ENTRIES = 256;
const CACHE_CHARS = 256 * 1024;

/**
 * A parser over PostgreSQL's grammar. `module` is `pg-parser.wasm` compiled: a static import in a Worker, which
 * may not compile at request time.
 */
export function createParser(module: WebAssembly.Module): SqlParser {
  let instance: PgInstance | undefined;
  const cache = new Map<string, ParsedStatement>();
  let cachedChars = 0;

  const run = (text: string) => {
    if (instance === undefined || instance.spent) instance = new PgInstance(module);
    try {
      return instance.parse(text);
    } catch (error) {
      if (error instanceof RangeError || error instanceof ParserAborted || error instanceof WebAssembly.RuntimeError) {
        throw tooDeep();
      }
      throw error;
    }
  };

  const parse = (sql: string): ParsedStatement => {
    if (sql.length > LIMITS.sqlTextChars) {
      throw new OrasiError('query_too_large', `the statement is longer than ${LIMITS.sqlTextChars} characters`);
    }
    const nul = sql.indexOf('\0');
    if (nul >= 0) throw invalidSql(nul, 'the text holds a NUL character');
    const rewritten = rewriteDialect(sql, tokenize(sql));
    const parsed = run(rewritten.text);
    if (!parsed.ok) {
      if (parsed.message.startsWith('memory exhausted')) throw tooDeep();
      // PostgreSQL counts characters, not UTF-16 units, from 1; 0 says the end.
      const offset = parsed.position > 0 ? utf16Offset(rewritten.text, parsed.position - 1) : rewritten.text.length;
      // Names with capitals were quoted on the way in; the message quotes what it names once more.
      throw invalidSql(rewritten.originalOffset(offset), parsed.message.replace(/""([^"]*)""/, '"$1"'));
    }
    const tree: { stmts?: { stmt?: Node }[] } = JSON.parse(parsed.json);
    const statements = tree.stmts ?? [];
    if (statements.length === 0) throw invalidSql(0, 'there is no statement');
    if (statements.length > 1) throw unsupportedSql(0, 'one statement at a time');
    const statement = statements[0].stmt ?? {};
    const select = statement.SelectStmt;
    if (select === undefined) throw unsupportedSql(0, `only SELECT is supported, not ${statementName(statement)}`);
    normalize(statement, rewritten);
    return { sql, select, marks: rewritten.marks };
  };

  return {
    parse(sql) {
      const known = cache.get(sql);
      if (known !== undefined) {
        // Moved to the end: the map's first entry is the one used longest ago.
        cache.delete(sql);
        cache.set(sql, known);
        return known;
      }
      const statement = parse(sql);
      cache.set(sql, statement);
      cachedChars += sql.length;
      for (const oldest of cache.keys()) {
        if (cache.size <= CACHE_ENTRIES && cachedChars <= CACHE_CHARS) break;
        cache.delete(oldest);
        cachedChars -= oldest.length;
      }
      return statement;
    },
  };
}

/** Maps locations (bytes of the rewritten text) to offsets of the text as written, puts long names back, and checks the depth. */
function normalize(root: Node, rewritten: Rewritten): void {
  const toUtf16 = byteOffsets(rewritten.text);
  const visit = (value: unknown, depth: number): void => {
    if (depth > MAX_DEPTH * JSON_LEVELS_PER_NODE) throw tooDeep();
    if (typeof value !== 'object' || value === null) return;
    const fields = value as Record<string, unknown>;
    for (const key of Object.keys(fields)) {
      const field = fields[key];
      if (key === 'location' && typeof field === 'number') {
        fields[key] = field < 0 ? 0 : rewritten.originalOffset(toUtf16(field));
      } else if (typeof field === 'string') {
        if (field.startsWith('$long')) fields[key] = rewritten.longNames.get(field) ?? field;
      } else visit(field, depth + 1);
    }
  };
  visit(root, 0);
}

function byteOffsets(text: string): (byte: number) => number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is what is asked.
  if (/^[\x00-\x7f]*$/.test(text)) return (byte) => byte;
  const offsets: number[] = [];
  let unit = 0;
  for (const char of text) {
    const bytes = new TextEncoder().encode(char).length;
    for (let i = 0; i < bytes; i++) offsets.push(unit);
    unit += char.length;
  }
  return (byte) => offsets[byte] ?? unit;
}

function utf16Offset(text: string, characters: number): number {
  let unit = 0;
  let left = characters;
  for (const char of text) {
    if (left-- <= 0) break;
    unit += char.length;
  }
  return unit;
}

/** `InsertStmt` as `INSERT`, `CreateTableAsStmt` as `CREATE TABLE AS`. */
function statementName(statement: Node): string {
  const words = nodeKind(statement).replace(/Stmt$/, '');
  return words.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toUpperCase();
}

function tooDeep(): OrasiError {
  return new OrasiError('query_too_large', 'the statement is nested too deeply');
}

/** The text is not a statement the grammar knows. */
function invalidSql(offset: number, message: string): OrasiError {
  return new OrasiError('invalid_sql', message, { errors: [{ path: `sql@${offset}`, message }] });
}

/** The text is a statement, but not one that can be run here. */
function unsupportedSql(offset: number, message: string): OrasiError {
  return new OrasiError('unsupported_sql', message, { errors: [{ path: `sql@${offset}`, message }] });
}
