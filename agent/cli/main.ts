import { type Client, createClient } from '../client/client.ts';
import { ApiError, codeOf } from '../client/errors.ts';
import { type Command, FieldsError, UsageError } from './command.ts';
import { openTarget, resolveConnection } from './connection.ts';
import { contextsPath, readContexts } from './contexts.ts';
import { commandHelp, groupHelp } from './help.ts';
import { createOutput, type Output } from './output.ts';
import { parse } from './parse.ts';

/** What a run of the command line has of the world. */
export interface Surroundings {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Runs one command line, the words after `orasi`; resolves to the exit code. */
export async function main(
  argv: readonly string[],
  commands: readonly Command[],
  { stdin, stdout, stderr, env }: Surroundings,
): Promise<number> {
  // Until the options are read, errors are told to whoever seems to ask.
  let output = createOutput({ json: argv.includes('--json'), quiet: false, stdout, stderr, env });
  let client: Client | undefined;
  try {
    // `orasi help objects put` is `orasi objects put --help`.
    const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
    const { command, words: named, args, options } = parse(words, commands);
    if (command === null) return await group(named, args, options.flag('help'), commands, output);
    if (options.flag('help')) {
      await output.write(commandHelp(command));
      return EXIT.done;
    }
    output = createOutput({ json: options.flag('json'), quiet: options.flag('quiet'), stdout, stderr, env });
    const connect = async () => {
      const resolved = resolveConnection(options, env, await readContexts(contextsPath(env)));
      client ??= createClient(await openTarget(resolved));
      return { client, namespace: resolved.namespace };
    };
    return (await command.run({ args, options, output, stdin, env, commands, connect })) ?? EXIT.done;
  } catch (error) {
    // Who reads our output has seen enough: `orasi query … | head`.
    if (codeOf(error) === 'EPIPE') return EXIT.done;
    return report(error, output);
  } finally {
    client?.close();
  }
}

async function group(
  named: readonly string[],
  args: readonly string[],
  help: boolean,
  commands: readonly Command[],
  output: Output,
): Promise<number> {
  if (args.length > 0) {
    const place = ['orasi', ...named].join(' ');
    throw new UsageError(
      `there is no command "${[...named, args[0]].join(' ')}"; \`${place} --help\` lists what there is`,
    );
  }
  await output.write(groupHelp(named, commands));
  return help ? EXIT.done : EXIT.usage;
}

function report(error: unknown, output: Output): number {
  if (output.isJson) output.errorJson(described(error));
  else output.error(sentenceOf(error));
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

function described(error: unknown): object {
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) return { code: 'usage', detail };
  if (error instanceof FieldsError) return { code: 'failed', detail, errors: error.errors };
  if (!(error instanceof ApiError)) return { code: 'failed', detail };
  const { status, code, errors, requestId } = error;
  return { status, code, detail, ...(errors.length > 0 ? { errors } : {}), ...(requestId ? { requestId } : {}) };
}

function sentenceOf(error: unknown): string {
  if (error instanceof FieldsError) return error.message + linesOf(error.errors);
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  const named = linesOf(error.errors.filter(({ message }) => !error.message.includes(message)));
  // A defect of the server's is found again by the request.
  const request = error.status >= 500 && error.requestId !== undefined ? `, request ${error.requestId}` : '';
  const hint = error.status === 401 ? '; check the token of the context or ORASI_TOKEN' : '';
  return `${error.message} (${error.status} ${error.code}${request})${hint}${named}`;
}

function linesOf(errors: readonly { readonly path: string; readonly message: string }[]): string {
  return errors.map(({ path, message }) => `\n  ${path}: ${message}`).join('');
}
