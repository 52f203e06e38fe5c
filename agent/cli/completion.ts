import { type Command, type Completes, GLOBAL_OPTIONS, type OptionSpec } from './command.ts';
import { splitWords } from './parse.ts';

/** What may stand where the cursor is. */
export interface Completion {
  readonly candidates: readonly { readonly word: string; readonly summary: string }[];
  /** Whether names of files may as well. */
  readonly files: boolean;
}

const NOTHING: Completion = { candidates: [], files: false };

/** Completes the last of `words`, the words after `orasi`. */
export function complete(
  words: readonly string[],
  commands: readonly Command[],
  contexts: readonly string[],
): Completion {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const shown = commands.filter((command) => command.hidden !== true);
  const { words: named, rest } = splitWords(before, shown);
  const command = shown.find((each) => each.words.join(' ') === named.join(' '));
  const specs = { ...GLOBAL_OPTIONS, ...command?.options };
  const from = (choices: readonly string[] | undefined, completes: Completes | undefined): Completion => ({
    candidates: starting(current, [
      ...(choices ?? []).map((word) => ({ word, summary: '' })),
      ...(completes === 'contexts' ? contexts.map((word) => ({ word, summary: 'context' })) : []),
    ]),
    files: completes === 'files',
  });

  const asked = openOption(before.at(-1), specs);
  if (asked !== undefined) return from(asked.choices, asked.completes);
  if (current.startsWith('-')) {
    const candidates = Object.entries(specs).map(([name, { summary }]) => ({ word: `--${name}`, summary }));
    return { candidates: starting(current, candidates), files: false };
  }
  const args = argumentsOf(rest, specs);
  if (args === 0) {
    const next = new Map<string, string>();
    for (const each of shown) {
      const word = each.words[named.length];
      if (word === undefined || !named.every((name, at) => each.words[at] === name)) continue;
      next.set(word, each.words.length === named.length + 1 ? each.summary : `commands for ${word}`);
    }
    if (next.size > 0) {
      return {
        candidates: starting(
          current,
          [...next].map(([word, summary]) => ({ word, summary })),
        ),
        files: false,
      };
    }
  }
  const spec = command?.arguments?.[args] ?? (command?.arguments?.at(-1)?.many ? command.arguments.at(-1) : undefined);
  return spec === undefined ? NOTHING : from(spec.choices, spec.completes);
}

/** The option whose value comes next. */
function openOption(word: string | undefined, specs: Readonly<Record<string, OptionSpec>>): OptionSpec | undefined {
  if (word === undefined || !word.startsWith('-') || word.includes('=')) return undefined;
  const spec = word.startsWith('--')
    ? specs[word.slice(2)]
    : Object.values(specs).find(({ short }) => short !== undefined && word === `-${short}`);
  return spec?.value === undefined ? undefined : spec;
}

/** How many arguments there are among options and their values. */
function argumentsOf(rest: readonly string[], specs: Readonly<Record<string, OptionSpec>>): number {
  let count = 0;
  for (let at = 0; at < rest.length; at++) {
    if (openOption(rest[at], specs) !== undefined) at++;
    else if (!rest[at].startsWith('-') || rest[at] === '-') count++;
  }
  return count;
}

function starting(
  prefix: string,
  candidates: readonly { readonly word: string; readonly summary: string }[],
): Completion['candidates'] {
  return candidates.filter(({ word }) => word.startsWith(prefix));
}

/** What the scripts read: a line a candidate, a tab before what it means, and `:files` where files may stand. */
export function completionText({ candidates, files }: Completion): string {
  const lines = candidates.map(({ word, summary }) => `${word}\t${summary}`);
  return [...lines, ...(files ? [':files'] : [])].map((line) => `${line}\n`).join('');
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Scripts that ask `orasi __complete` at every tab, so that they never fall behind the commands. */
export const COMPLETION_SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `_orasi() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :files) compopt -o default 2>/dev/null ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <(orasi __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _orasi orasi
`,
  zsh: `#compdef orasi
_orasi() {
  local line files=0
  local -a candidates
  while IFS= read -r line; do
    if [[ "$line" == ':files' ]]; then
      files=1
    else
      candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done < <(orasi __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#candidates} )) && _describe 'orasi' candidates
  (( files )) && _files
}
compdef _orasi orasi
`,
  fish: `function __orasi_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (orasi __complete -- $words[2..-1] 2>/dev/null)
    if test "$line" = ':files'
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c orasi -f -a '(__orasi_complete)'
`,
};
