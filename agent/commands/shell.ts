import type { Command } from '../cli/command.ts';
import { COMPLETION_SCRIPTS, complete, completionText, SHELLS } from '../cli/completion.ts';
import { contextsPath, readContexts } from '../cli/contexts.ts';
import { pathOf } from '../client/client.ts';

/** What the command line says of itself. */
export const shellCommands: readonly Command[] = [
  {
    words: ['completion'],
    summary: 'print a script by which a shell completes commands',
    arguments: [{ name: 'SHELL', summary: 'the shell', choices: SHELLS }],
    examples: [
      'source <(orasi completion bash)',
      'orasi completion zsh > ~/.zfunc/_orasi',
      'orasi completion fish > ~/.config/fish/completions/orasi.fish',
    ],
    async run({ args, output }) {
      const shell = SHELLS.find((each) => each === args[0]) ?? 'bash';
      await output.write(COMPLETION_SCRIPTS[shell]);
      return 0;
    },
  },
  {
    words: ['__complete'],
    summary: 'what the scripts of `orasi completion` ask',
    hidden: true,
    arguments: [{ name: 'WORD', summary: 'a word after `orasi`', many: true, optional: true }],
    async run({ args, commands, env, output }) {
      const { contexts } = await readContexts(contextsPath(env));
      await output.write(completionText(complete(args, commands, Object.keys(contexts))));
      return 0;
    },
  },
  {
    words: ['version'],
    summary: 'print the version of the platform that is spoken to',
    async run({ connect, output }) {
      const { client } = await connect();
      const version = await client.json<Record<string, unknown>>({ method: 'GET', path: pathOf('version') });
      await output.json(version);
      return 0;
    },
  },
];
