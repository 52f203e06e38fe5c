import { readFile } from 'node:fs/promises';
import { LIMITS } from '../../src/core/limits.ts';
import { type Call, type Command, UsageError } from '../cli/command.ts';
import { pathOf } from '../client/client.ts';

/** Outputs that are passed on as they come. */
const STREAMED: Readonly<Record<string, string>> = {
  json: 'application/json',
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  arrow: 'application/vnd.apache.arrow.stream',
};

interface Answer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly stats: {
    readonly elapsedMs: number;
    readonly rowsReturned: number;
    readonly truncated: boolean;
    readonly segmentsTotal: number;
    readonly segmentsScanned: number;
  };
}

/** `orasi query` */
export const queryCommands: readonly Command[] = [
  {
    words: ['query'],
    summary: 'run a SELECT',
    arguments: [
      {
        name: 'SQL',
        summary: 'the statement; `-`, or none where standard input is no terminal, reads it there',
        optional: true,
      },
    ],
    options: {
      file: { value: 'FILE', short: 'f', summary: 'read the statement from a file', completes: 'files' },
      param: { value: 'VALUE', short: 'p', multiple: true, summary: 'the value of the next ?' },
      output: {
        value: 'FORM',
        short: 'o',
        summary: 'how rows are printed',
        choices: ['table', ...Object.keys(STREAMED)],
      },
      'max-rows': { value: 'NUMBER', summary: 'at most so many rows' },
      timeout: { value: 'SECONDS', summary: 'give up after so long' },
      explain: { summary: 'show what would be done, and do not do it' },
    },
    details: [
      'A parameter that is a number, true, false, null or a "text" of JSON is that; anything else is text as it stands.',
    ],
    examples: [
      "orasi query 'SELECT city, t FROM weather WHERE t > ?' -p 0",
      'orasi query -f report.sql -o csv > report.csv',
    ],
    run: runQuery,
  },
];

async function runQuery(call: Call): Promise<number> {
  const { options, output } = call;
  const form = options.text('output') ?? (output.isJson ? 'json' : 'table');
  const timeoutSeconds = options.integer('timeout', 1, LIMITS.queryTimeoutMs / 1000);
  const json = {
    sql: await statementOf(call),
    params: options.texts('param').map(parameterOf),
    maxRows: options.integer('max-rows', 1, LIMITS.queryResultRows),
    timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
  };
  const { client, namespace } = await call.connect();
  const path = pathOf('v1', 'namespaces', namespace, 'query');
  const idleMs = 2 * LIMITS.queryTimeoutMs;
  if (options.flag('explain')) {
    await output.json(await client.json({ method: 'POST', path: `${path}/explain`, json, idleMs }));
    return 0;
  }
  if (form !== 'table') {
    const { body } = await client.open({ method: 'POST', path, json, idleMs, headers: { accept: STREAMED[form] } });
    await output.copy(body);
    return 0;
  }
  const answer = await client.json<Answer>({ method: 'POST', path, json, idleMs });
  await output.table(
    answer.columns.map(({ name }) => name),
    answer.rows,
  );
  const { rowsReturned, elapsedMs, truncated, segmentsScanned, segmentsTotal } = answer.stats;
  const rows = `${rowsReturned} ${rowsReturned === 1 ? 'row' : 'rows'}`;
  output.note(`${rows}, ${segmentsScanned} of ${segmentsTotal} segments, ${Math.round(elapsedMs)} ms`);
  if (truncated) output.note('there are more rows: raise --max-rows, or stream them by -o ndjson or csv');
  return 0;
}

async function statementOf({ args: [sql], options, stdin }: Call): Promise<string> {
  const file = options.text('file');
  if (sql !== undefined && file !== undefined) throw new UsageError('give a statement or --file, not both');
  if (sql !== undefined && sql !== '-') return sql;
  if (file !== undefined && file !== '-') {
    return await readFile(file, 'utf8').catch((error: unknown) => {
      throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
    });
  }
  if (sql === undefined && file === undefined && stdin.isTTY === true) throw new UsageError('SQL is missing');
  let text = '';
  for await (const chunk of stdin.setEncoding('utf8')) text += chunk;
  if (text.trim() === '') throw new UsageError('SQL is missing: standard input is empty');
  return text;
}

/** A parameter as it is sent: a scalar of JSON stands for itself, anything else for its text. */
export function parameterOf(text: string): string | number | boolean | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  // A number JSON would round is sent as its text, which stands for the exact value.
  if (typeof value !== 'number' || (Number.isInteger(value) && !Number.isSafeInteger(value))) return text;
  return Number.isFinite(value) ? value : text;
}
