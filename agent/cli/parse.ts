import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type Command, GLOBAL_OPTIONS, type OptionSpec, type Options, UsageError } from './command.ts';
import { usageOf } from './help.ts';

/** A command line as far as it is understood. */
export interface Parsed {
  /** Null where the words name no command but, perhaps, a group of them. */
  readonly command: Command | null;
  /** The words that were taken for a command or a group. */
  readonly words: readonly string[];
  readonly args: readonly string[];
  readonly options: Options;
}

/** Throws UsageError. */
export function parse(argv: readonly string[], commands: readonly Command[]): Parsed {
  const { words, rest } = splitWords(argv, commands);
  const command = commands.find((each) => each.words.join(' ') === words.join(' ')) ?? null;
  if (command === null) {
    const help = rest.includes('--help') || rest.includes('-h');
    const args = rest.filter((arg) => !arg.startsWith('-'));
    return { command, words, args, options: optionsOf({ help }, GLOBAL_OPTIONS) };
  }
  const specs = { ...GLOBAL_OPTIONS, ...command.options };
  const { values, positionals } = strictly(rest, specs, command);
  const options = optionsOf(values, specs);
  if (options.flag('help')) return { command, words, args: positionals, options };
  checkChoices(options, specs);
  checkArguments(command, positionals);
  return { command, words, args: positionals, options };
}

/** The words of the command, which options may stand between, and everything else as it came. */
export function splitWords(
  argv: readonly string[],
  commands: readonly Command[],
): { words: readonly string[]; rest: readonly string[] } {
  const words: string[] = [];
  const rest: string[] = [];
  let closed = false;
  for (let at = 0; at < argv.length; at++) {
    const arg = argv[at];
    if (arg === '--') return { words, rest: [...rest, ...argv.slice(at)] };
    if (arg.startsWith('-') && arg !== '-') {
      rest.push(arg);
      if (takesNext(arg, words, commands) && at + 1 < argv.length) rest.push(argv[++at]);
    } else if (!closed && commands.some((command) => [...words, arg].every((word, i) => command.words[i] === word))) {
      words.push(arg);
    } else {
      // What follows the first argument is an argument, whatever command is called like it.
      closed = true;
      rest.push(arg);
    }
  }
  return { words, rest };
}

function takesNext(arg: string, words: readonly string[], commands: readonly Command[]): boolean {
  if (arg.includes('=')) return false;
  const command = commands.find((each) => each.words.join(' ') === words.join(' '));
  const specs = { ...GLOBAL_OPTIONS, ...command?.options };
  const name = arg.startsWith('--') ? arg.slice(2) : shortNamed(arg.slice(1), specs);
  return name !== undefined && specs[name]?.value !== undefined;
}

/** Of `-qn` the last letter takes what follows; of `-nprod` the rest is the value already. */
function shortNamed(letters: string, specs: Readonly<Record<string, OptionSpec>>): string | undefined {
  for (const [at, letter] of [...letters].entries()) {
    const name = Object.keys(specs).find((each) => specs[each].short === letter);
    if (name === undefined) return undefined;
    if (specs[name].value !== undefined) return at === letters.length - 1 ? name : undefined;
  }
  return undefined;
}

type Values = Readonly<Record<string, unknown>>;

function strictly(
  args: readonly string[],
  specs: Readonly<Record<string, OptionSpec>>,
  command: Command,
): { values: Values; positionals: string[] } {
  const options: ParseArgsConfig['options'] = {};
  for (const [name, spec] of Object.entries(specs)) {
    options[name] = {
      type: spec.value === undefined ? 'boolean' : 'string',
      multiple: spec.multiple ?? false,
      ...(spec.short === undefined ? {} : { short: spec.short }),
    };
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    const fault = lowered(first.replace(/\. To specify a positional.*$/, '').replace(/\.$/, ''));
    throw new UsageError(`${fault}; \`orasi ${command.words.join(' ')} --help\` lists what there is`);
  }
}

const lowered = (text: string) => text.slice(0, 1).toLowerCase() + text.slice(1);

function optionsOf(values: Values, specs: Readonly<Record<string, OptionSpec>>): Options {
  const texts = (name: string): readonly string[] => {
    const value = values[name];
    return (Array.isArray(value) ? value : value === undefined ? [] : [value]).filter(
      (each): each is string => typeof each === 'string',
    );
  };
  return {
    flag: (name) => values[name] === true,
    text: (name) => texts(name).at(-1),
    texts,
    integer(name, least, most) {
      const text = texts(name).at(-1);
      if (text === undefined) return undefined;
      const number = Number(text);
      if (!/^-?\d+$/.test(text) || number < least || number > most) {
        throw new UsageError(`--${name}: expected a whole ${specs[name]?.value ?? 'number'} from ${least} to ${most}`);
      }
      return number;
    },
  };
}

function checkChoices(options: Options, specs: Readonly<Record<string, OptionSpec>>): void {
  for (const [name, { choices }] of Object.entries(specs)) {
    if (choices === undefined) continue;
    for (const value of options.texts(name)) {
      if (!choices.includes(value)) throw new UsageError(`--${name}: expected ${choices.join(', ')}, got "${value}"`);
    }
  }
}

function checkArguments(command: Command, positionals: readonly string[]): void {
  const specs = command.arguments ?? [];
  const missing = specs.find(({ optional }, at) => optional !== true && positionals[at] === undefined);
  if (missing !== undefined) throw new UsageError(`${missing.name} is missing: ${usageOf(command)}`);
  if (positionals.length > specs.length && specs.at(-1)?.many !== true) {
    throw new UsageError(`"${positionals[specs.length]}" is one argument too many: ${usageOf(command)}`);
  }
  for (const [at, { name, choices }] of specs.entries()) {
    const value = positionals[at];
    if (choices !== undefined && value !== undefined && !choices.includes(value)) {
      throw new UsageError(`${name}: expected ${choices.join(', ')}, got "${value}"`);
    }
  }
}
