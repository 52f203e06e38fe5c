import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { textTable } from './text-table.ts';

/** Where a command's answers and notes go. */
export interface Output {
  /** Whether answers are JSON. */
  readonly isJson: boolean;
  /** An answer, as it is. */
  write(text: string | Uint8Array): Promise<void>;
  /** An answer as JSON. */
  json(value: unknown): Promise<void>;
  /** Copies a stream to its end. Throws what the stream does. */
  copy(stream: Readable): Promise<void>;
  table(header: readonly string[], rows: readonly (readonly unknown[])[]): Promise<void>;
  /** A line beside the answer, on standard error; left out where quiet was asked for. */
  note(text: string): void;
  /** A line that is written over by the next; does nothing but on a terminal. */
  progress(text: string): void;
  /** What may not be missed, on standard error. */
  error(text: string): void;
  /** An error for programs, on standard error. */
  errorJson(value: unknown): void;
}

interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function createOutput({ json, quiet, stdout, stderr, env }: OutputOptions): Output {
  const colours = (stream: NodeJS.WriteStream) =>
    stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const write: Output['write'] = async (text) => {
    if (!stdout.write(text)) await once(stdout, 'drain');
  };
  let unfinished = false;
  const clear = () => {
    if (unfinished) stderr.write('\r\u001b[K');
    unfinished = false;
  };
  return {
    isJson: json,
    write,
    json: (value) => write(`${JSON.stringify(value, null, 2)}\n`),
    async copy(stream) {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) await write(chunk);
    },
    async table(header, rows) {
      const { header: head, lines } = textTable(header, rows, stdout.isTTY === true ? stdout.columns : undefined);
      const title = colours(stdout) ? `\u001b[1m${head}\u001b[22m` : head;
      await write([title, ...lines].map((line) => `${line}\n`).join(''));
    },
    note(text) {
      if (quiet) return;
      clear();
      stderr.write(`${text}\n`);
    },
    progress(text) {
      if (quiet || json || stderr.isTTY !== true) return;
      stderr.write(`\r\u001b[K${text}`);
      unfinished = text !== '';
    },
    error(text) {
      clear();
      stderr.write(colours(stderr) ? `\u001b[31morasi:\u001b[39m ${text}\n` : `orasi: ${text}\n`);
    },
    errorJson: (value) => void stderr.write(`${JSON.stringify({ error: value })}\n`),
  };
}
