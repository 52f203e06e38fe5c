import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { type Call, type Command, type Connection, UsageError } from '../cli/command.ts';
import type { Client } from '../client/client.ts';
import { findKind, type Manifest, type ResourceKind, readKinds, resourcePath } from '../client/resources.ts';
import { nameOf, readTargets } from './targets.ts';

const KIND = { name: 'KIND', summary: 'such as pipelines; `orasi kinds` lists them' } as const;
const SELECTOR = { value: 'SELECTOR', short: 'l', summary: 'only those with these labels, such as app=web' } as const;
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io, application/json';
const FORMS = ['table', 'wide', 'yaml', 'json'] as const;

/** Resources of the Kubernetes shape: what is declared. */
export const resourceCommands: readonly Command[] = [
  {
    words: ['kinds'],
    summary: 'list the kinds of resources there are',
    async run({ connect, output }) {
      const { client } = await connect();
      const items = await readKinds(client);
      if (output.isJson) await output.json({ items });
      else {
        await output.table(
          ['NAME', 'SHORT', 'API', 'NAMESPACED', 'KIND'],
          items.map((kind) => [kind.plural, kind.shortNames.join(','), kind.groupVersion, kind.namespaced, kind.kind]),
        );
      }
      return 0;
    },
  },
  {
    words: ['get'],
    summary: 'list resources of a kind, or show one as YAML',
    arguments: [KIND, { name: 'NAME', summary: 'of the resource', optional: true }],
    options: {
      selector: SELECTOR,
      'all-namespaces': { short: 'A', summary: 'those of every namespace' },
      output: {
        value: 'FORM',
        short: 'o',
        summary: 'how it is printed; a list as a table, one as YAML where it is not said',
        choices: FORMS,
      },
      wide: { short: 'w', summary: 'every column that the kind has, as -o wide' },
    },
    examples: ['orasi get httproutes -A', 'orasi get httproute shop -o json'],
    run: getResources,
  },
  {
    words: ['delete'],
    summary: 'delete resources, by name or by file',
    arguments: [
      { ...KIND, optional: true },
      { name: 'NAME', summary: 'of the resource', optional: true, many: true },
    ],
    options: {
      file: { value: 'FILE', short: 'f', multiple: true, summary: 'delete what these files name', completes: 'files' },
    },
    run: deleteResources,
  },
  {
    words: ['watch'],
    summary: 'print resources of a kind and each change of them, until it is ended',
    arguments: [KIND, { name: 'NAME', summary: 'of the resource', optional: true }],
    options: { selector: SELECTOR },
    run: watch,
  },
];

async function kindOf({ client }: Connection, asked: string): Promise<ResourceKind> {
  const kinds = await readKinds(client);
  const kind = findKind(kinds, asked);
  if (kind === undefined) {
    throw new UsageError(`there is no kind "${asked}"; there is ${kinds.map(({ plural }) => plural).join(', ')}`);
  }
  return kind;
}

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly {
    readonly cells: readonly unknown[];
    readonly object: { readonly metadata: { readonly namespace?: string } };
  }[];
}

async function getResources(call: Call): Promise<number> {
  const { args, options, output } = call;
  const [kindName, name] = args;
  const isAll = options.flag('all-namespaces');
  if (isAll && name !== undefined) throw new UsageError('give NAME or --all-namespaces: a name is of one namespace');
  const connection = await call.connect();
  const { client, namespace } = connection;
  const kind = await kindOf(connection, kindName);
  const path = resourcePath(kind, isAll ? null : namespace, name);
  const query = { labelSelector: options.text('selector') };
  const form = options.text('output') ?? usualForm(call);
  if (form === 'json' || form === 'yaml') {
    const object = await client.json<Manifest>({ method: 'GET', path, query });
    await (form === 'json' ? output.json(object) : output.write(stringify(object)));
  } else {
    const table = await client.json<Table>({ method: 'GET', path, query, headers: { accept: TABLE } });
    await printTable(call, table, form === 'wide', isAll && kind.namespaced);
  }
  return 0;
}

function usualForm({ args, options, output }: Call): (typeof FORMS)[number] {
  if (output.isJson) return 'json';
  if (options.flag('wide')) return 'wide';
  return args.length > 1 ? 'yaml' : 'table';
}

async function printTable(
  { output }: Call,
  { columnDefinitions, rows }: Table,
  isWide: boolean,
  withNamespace: boolean,
): Promise<void> {
  const columns = [...columnDefinitions.entries()].filter(([, { priority }]) => isWide || priority === 0);
  await output.table(
    [...(withNamespace ? ['NAMESPACE'] : []), ...columns.map(([, { name }]) => name.toUpperCase())],
    rows.map(({ cells, object }) => [
      ...(withNamespace ? [object.metadata.namespace] : []),
      ...columns.map(([at]) => cells[at]),
    ]),
  );
}

async function deleteResources(call: Call): Promise<number> {
  const { args, options, output } = call;
  const [kindName, ...names] = args;
  const byFile = options.texts('file').length > 0;
  if (byFile === (kindName !== undefined)) throw new UsageError('give KIND and NAME, or --file');
  if (!byFile && names.length === 0) throw new UsageError('NAME is missing: orasi delete KIND NAME…');
  const { client, doomed } = await (byFile ? doomedByFile(call) : doomedByName(call, kindName, names));
  for (const { shown, path } of doomed) {
    await client.send({ method: 'DELETE', path });
    if (!output.isJson) await output.write(`${shown} deleted\n`);
  }
  return 0;
}

/** What is to be deleted: `pipeline/first` with its path. */
interface Doomed {
  readonly client: Client;
  readonly doomed: readonly { readonly shown: string; readonly path: string }[];
}

async function doomedByFile(call: Call): Promise<Doomed> {
  const { connection, targets } = await readTargets(call);
  const doomed = targets.map((target) => {
    const { kind, namespace, manifest } = target;
    return { shown: nameOf(target), path: resourcePath(kind, namespace, manifest.metadata.name) };
  });
  return { client: connection.client, doomed };
}

async function doomedByName(call: Call, kindName: string, names: readonly string[]): Promise<Doomed> {
  const connection = await call.connect();
  const kind = await kindOf(connection, kindName);
  const path = (name: string) => resourcePath(kind, connection.namespace, name);
  return {
    client: connection.client,
    doomed: names.map((name) => ({ shown: `${kind.singular}/${name}`, path: path(name) })),
  };
}

interface WatchEvent {
  readonly type: string;
  readonly object: Manifest & { readonly message?: string };
}

async function watch(call: Call): Promise<number> {
  const { args, options, output } = call;
  const [kindName, name] = args;
  const connection = await call.connect();
  const { client, namespace } = connection;
  const kind = await kindOf(connection, kindName);
  const { body } = await client.open({
    method: 'GET',
    path: resourcePath(kind, namespace),
    query: {
      watch: true,
      labelSelector: options.text('selector'),
      fieldSelector: name === undefined ? undefined : `metadata.name=${name}`,
    },
    idleMs: 0,
  });
  // An error of the stream ends readline without a word of it, so it is remembered here.
  let broken: Error | undefined;
  body.on('error', (error) => {
    broken = error;
  });
  for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === '') continue;
    const event = JSON.parse(line) as WatchEvent;
    if (event.type === 'ERROR') throw new Error(event.object.message ?? 'the watch ended with an error');
    if (event.type === 'BOOKMARK') continue;
    if (output.isJson) await output.write(`${line}\n`);
    else await output.write(`${event.type.padEnd(8)}  ${kind.singular}/${event.object.metadata.name}\n`);
  }
  if (broken !== undefined) throw new Error(`the watch broke off: ${broken.message}`);
  return 0;
}
