import { type Command, GLOBAL_OPTIONS, type OptionSpec } from './command.ts';

/** `orasi objects put DATASET FILE…` */
export function usageOf(command: Command): string {
  const args = (command.arguments ?? []).map(({ name, optional, many }) => {
    const shown = many === true ? `${name}…` : name;
    return optional === true ? `[${shown}]` : shown;
  });
  return ['orasi', ...command.words, ...args].join(' ');
}

/** Everything there is to say of one command. */
export function commandHelp(command: Command): string {
  const options = Object.entries(command.options ?? {});
  const sections = [
    `${usageOf(command)}${options.length > 0 ? ' [options]' : ''}`,
    sentence(command.summary),
    ...(command.details ?? []),
    section(
      'Arguments',
      (command.arguments ?? []).map((each) => [each.name, withChoices(each.summary, each.choices)]),
    ),
    section('Options', options.map(optionLine)),
    section('Options of every command', Object.entries(GLOBAL_OPTIONS).map(optionLine)),
    command.examples === undefined ? '' : `Examples\n${command.examples.map((line) => `  ${line}`).join('\n')}`,
  ];
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`;
}

/** The commands that begin with `words`; all of them where there are none. */
export function groupHelp(words: readonly string[], commands: readonly Command[]): string {
  const shown = commands.filter(
    (command) => command.hidden !== true && words.every((word, at) => command.words[at] === word),
  );
  const head =
    words.length === 0
      ? 'orasi: the command line of Orasi Edge'
      : `orasi ${words.join(' ')} ${[...new Set(shown.map((command) => command.words.at(words.length)))].join('|')}`;
  const sections = [
    head,
    section(
      'Commands',
      shown.map((command) => [command.words.join(' '), command.summary]),
    ),
    section('Options of every command', Object.entries(GLOBAL_OPTIONS).map(optionLine)),
    'ORASI_URL, ORASI_TOKEN and ORASI_NAMESPACE say what a context says, and win over it.\n`orasi COMMAND --help` says more of one.',
  ];
  return `${sections.join('\n\n')}\n`;
}

function optionLine([name, spec]: readonly [string, OptionSpec]): readonly [string, string] {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  const value = spec.value === undefined ? '' : ` ${spec.value}`;
  const repeated = spec.multiple === true ? ' (repeatable)' : '';
  return [`${short}--${name}${value}`, `${withChoices(spec.summary, spec.choices)}${repeated}`];
}

function withChoices(summary: string, choices: readonly string[] | undefined): string {
  return choices === undefined ? summary : `${summary}: ${choices.join(', ')}`;
}

function section(title: string, lines: readonly (readonly [string, string])[]): string {
  if (lines.length === 0) return '';
  const width = Math.max(...lines.map(([left]) => left.length));
  return `${title}\n${lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')}`;
}

function sentence(summary: string): string {
  return `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`;
}
