import type { FieldError } from '../../src/core/errors.ts';
import type { Client } from '../client/client.ts';
import type { Output } from './output.ts';

/** An option, by its long name. */
export interface OptionSpec {
  /** What its value is called; absent for a flag. */
  readonly value?: string;
  readonly short?: string;
  readonly summary: string;
  readonly multiple?: boolean;
  /** The only values there are. */
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly summary: string;
  readonly optional?: boolean;
  /** Takes all that follow. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

/** What a value is completed from. */
export type Completes = 'files' | 'contexts';

/** One command: what its parsing, its help and its completion are all made from. */
export interface Command {
  /** Such as `['objects', 'put']`. */
  readonly words: readonly string[];
  readonly summary: string;
  /** More than the summary says: paragraphs. */
  readonly details?: readonly string[];
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: Readonly<Record<string, OptionSpec>>;
  readonly examples?: readonly string[];
  /** Not shown. */
  readonly hidden?: boolean;
  /** Resolves to the exit code, 0 where it is undefined. */
  run(call: Call): Promise<number | undefined>;
}

/** Who a command speaks to. */
export interface Connection {
  readonly client: Client;
  readonly namespace: string;
}

/** A command as it was called. */
export interface Call {
  readonly args: readonly string[];
  readonly options: Options;
  readonly output: Output;
  readonly stdin: NodeJS.ReadStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Every command there is, for help and completion. */
  readonly commands: readonly Command[];
  /** Opens the connection that context, environment and options name. Throws UsageError where they name none. */
  connect(): Promise<Connection>;
}

/** The options of a call. */
export interface Options {
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  /** Throws UsageError where it is no whole number within the bounds. */
  integer(name: string, least: number, most: number): number | undefined;
}

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** What was given is wrong in some fields. */
export class FieldsError extends Error {
  readonly errors: readonly FieldError[];

  constructor(message: string, errors: readonly FieldError[]) {
    super(message);
    this.name = 'FieldsError';
    this.errors = errors;
  }
}

/** Options every command takes. */
export const GLOBAL_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  context: { value: 'NAME', summary: 'the context to use, before what the environment says', completes: 'contexts' },
  url: { value: 'URL', summary: 'where the platform is' },
  'token-file': { value: 'FILE', summary: 'a file that holds the token', completes: 'files' },
  'ca-file': { value: 'FILE', summary: 'PEM of an authority to trust beside the usual ones', completes: 'files' },
  namespace: { value: 'NAME', short: 'n', summary: 'the namespace' },
  json: { summary: 'print JSON as the API has it' },
  quiet: { short: 'q', summary: 'print no progress and no notes' },
  help: { short: 'h', summary: 'say how this is used' },
};
