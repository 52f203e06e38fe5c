import { resolve } from 'node:path';
import { type Call, type Command, UsageError } from '../cli/command.ts';
import { checkUrl } from '../cli/connection.ts';
import { type Context, contextsPath, readContexts, writeContexts } from '../cli/contexts.ts';

const NAME = { name: 'NAME', summary: 'the name of the context', completes: 'contexts' } as const;

/** `orasi context …`: which platforms there are, and which one is meant. */
export const contextCommands: readonly Command[] = [
  {
    words: ['context', 'set'],
    summary: 'add a context or change what it says; the first one is used from then on',
    arguments: [NAME],
    options: {
      token: { value: 'TOKEN', summary: 'the token itself; `-` reads it from standard input, which no history keeps' },
    },
    details: [
      'What is not given stays as it is. With --token-file the file is read at every use, and the token is kept\nnowhere else. Contexts are kept in a file of their owner alone.',
    ],
    examples: [
      'orasi context set local --url http://127.0.0.1:8787 --token-file token',
      'orasi context set prod --token - < token',
    ],
    run: setContext,
  },
  {
    words: ['context', 'use'],
    summary: 'use a context from now on',
    arguments: [NAME],
    async run({ args: [name], env, output }) {
      const path = contextsPath(env);
      const known = await readContexts(path);
      mustHave(known.contexts, name);
      await writeContexts(path, { ...known, current: name });
      output.note(`using ${name}`);
      return 0;
    },
  },
  {
    words: ['context', 'list'],
    summary: 'list contexts; tokens are not shown',
    async run({ env, output }) {
      const { contexts, current } = await readContexts(contextsPath(env));
      const items = Object.entries(contexts).map(([name, { token, ...shown }]) => ({
        name,
        current: name === current,
        ...shown,
        hasToken: token !== undefined,
      }));
      if (output.isJson) await output.json({ items });
      else {
        await output.table(
          ['', 'NAME', 'URL', 'NAMESPACE', 'TOKEN'],
          items.map((each) => [
            each.current ? '*' : '',
            each.name,
            each.url,
            each.namespace ?? 'default',
            each.hasToken ? 'kept' : (each.tokenFile ?? 'none'),
          ]),
        );
      }
      return 0;
    },
  },
  {
    words: ['context', 'delete'],
    summary: 'forget a context',
    arguments: [NAME],
    async run({ args: [name], env, output }) {
      const path = contextsPath(env);
      const { contexts, current } = await readContexts(path);
      mustHave(contexts, name);
      const { [name]: _gone, ...rest } = contexts;
      await writeContexts(path, { ...(current === name || current === undefined ? {} : { current }), contexts: rest });
      output.note(`forgot ${name}`);
      return 0;
    },
  },
];

async function setContext({ args: [name], options, env, stdin, output }: Call): Promise<number> {
  const path = contextsPath(env);
  const known = await readContexts(path);
  const before: Partial<Context> = Object.hasOwn(known.contexts, name) ? known.contexts[name] : {};
  const url = options.text('url') ?? before.url;
  if (url === undefined) throw new UsageError('a new context needs --url');
  checkUrl(url);
  const file = options.text('token-file');
  const said = options.text('token');
  if (file !== undefined && said !== undefined) throw new UsageError('give --token or --token-file, not both');
  const token = said === '-' ? (await textOf(stdin)).trim() : said;
  const caFile = options.text('ca-file') === undefined ? before.caFile : resolve(options.text('ca-file') ?? '');
  const namespace = options.text('namespace') ?? before.namespace;
  // Neither goes on beside the other, or along to another place.
  const kept = before.url !== undefined && new URL(before.url).origin === new URL(url).origin ? before : {};
  const secret =
    token !== undefined
      ? { token }
      : file !== undefined
        ? { tokenFile: resolve(file) }
        : { token: kept.token, tokenFile: kept.tokenFile };
  const context: Context = { url, ...secret, caFile, namespace };
  const current = known.current ?? name;
  await writeContexts(path, { current, contexts: { ...known.contexts, [name]: context } });
  output.note(`${name} is set${current === name ? ' and in use' : ''}`);
  return 0;
}

function mustHave(contexts: Readonly<Record<string, Context>>, name: string): void {
  if (!Object.hasOwn(contexts, name)) throw new Error(`there is no context "${name}"`);
}

async function textOf(stream: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}
