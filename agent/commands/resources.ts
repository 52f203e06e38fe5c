import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { type Call, type Command, type Connection, UsageError } from '../cli/command.ts';
import { parseManifests } from '../cli/manifests.ts';
import {
  applyManifest,
  findKind,
  type Manifest,
  type ResourceKind,
  readKinds,
  resourcePath,
} from '../client/resources.ts';

const KIND = { name: 'KIND', summary: 'such as pipelines; `orasi kinds` lists them' } as const;
const SELECTOR = { value: 'SELECTOR', short: 'l', summary: 'only those with these labels, such as app=web' } as const;
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io, application/json';

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
    options: { selector: SELECTOR, wide: { short: 'w', summary: 'every column that the kind has' } },
    async run(call) {
      const [kindName, name] = call.args;
      const connection = await call.connect();
      const { client, namespace } = connection;
      const path = resourcePath(await kindOf(connection, kindName), namespace, name);
      const query = { labelSelector: call.options.text('selector') };
      if (name !== undefined || call.output.isJson) {
        const object = await client.json<Manifest>({ method: 'GET', path, query });
        await (call.output.isJson ? call.output.json(object) : call.output.write(stringify(object)));
      } else {
        await printTable(call, await client.json<Table>({ method: 'GET', path, query, headers: { accept: TABLE } }));
      }
      return 0;
    },
  },
  {
    words: ['apply'],
    summary: 'create resources or change them to what files say',
    options: {
      file: {
        value: 'FILE',
        short: 'f',
        multiple: true,
        summary: 'YAML or JSON, of several documents; `-` is standard input',
        completes: 'files',
      },
      'dry-run': { summary: 'have the server check and change nothing' },
    },
    details: [
      'What a file does not say of an object goes back to its default; labels and annotations others set stay. With a\nmetadata.resourceVersion an object is changed only where it still has that version.',
    ],
    examples: ['orasi apply -f pipelines.yaml'],
    run: apply,
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
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

async function printTable({ output, options }: Call, { columnDefinitions, rows }: Table): Promise<void> {
  const isWide = options.flag('wide');
  const columns = [...columnDefinitions.entries()].filter(([, { priority }]) => isWide || priority === 0);
  await output.table(
    columns.map(([, { name }]) => name.toUpperCase()),
    rows.map(({ cells }) => columns.map(([at]) => cells[at])),
  );
}

async function manifestsOf({ options, stdin }: Call): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for (const file of options.texts('file')) {
    let text = '';
    if (file === '-') for await (const chunk of stdin.setEncoding('utf8')) text += chunk;
    else {
      text = await readFile(file, 'utf8').catch((error: unknown) => {
        throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
      });
    }
    manifests.push(...parseManifests(text, file === '-' ? 'standard input' : file));
  }
  return manifests;
}

/** Each manifest with its kind, so that an unknown one is refused before anything is changed. */
async function placed(
  { client, namespace }: Connection,
  manifests: readonly Manifest[],
): Promise<{ manifest: Manifest; kind: ResourceKind; namespace: string }[]> {
  const kinds = await readKinds(client, 'all');
  return manifests.map((manifest) => {
    const { apiVersion, kind: name } = manifest;
    const kind = kinds.find((each) => each.groupVersion === apiVersion && each.kind === name);
    if (kind === undefined) throw new Error(`there is no kind ${name} in ${apiVersion}; \`orasi kinds\` lists them`);
    return { manifest, kind, namespace: manifest.metadata.namespace ?? namespace };
  });
}

async function apply(call: Call): Promise<number> {
  const { options, output } = call;
  if (options.texts('file').length === 0) throw new UsageError('--file is missing: orasi apply -f FILE');
  const manifests = await manifestsOf(call);
  const connection = await call.connect();
  const dryRun = options.flag('dry-run');
  const items: Manifest[] = [];
  for (const { manifest, kind, namespace } of await placed(connection, manifests)) {
    const { result, object } = await applyManifest(connection.client, kind, namespace, manifest, dryRun);
    items.push(object);
    if (!output.isJson) {
      await output.write(`${kind.singular}/${manifest.metadata.name} ${result}${dryRun ? ' (dry run)' : ''}\n`);
    }
  }
  if (output.isJson) await output.json({ items });
  return 0;
}

async function deleteResources(call: Call): Promise<number> {
  const { args, options, output } = call;
  const [kindName, ...names] = args;
  const byFile = options.texts('file').length > 0;
  if (byFile === (kindName !== undefined)) throw new UsageError('give KIND and NAME, or --file');
  if (!byFile && names.length === 0) throw new UsageError('NAME is missing: orasi delete KIND NAME…');
  const manifests = byFile ? await manifestsOf(call) : [];
  const connection = await call.connect();
  const { client, namespace } = connection;
  const kind = byFile ? undefined : await kindOf(connection, kindName);
  const targets = kind
    ? names.map((name) => ({ kind, name, path: resourcePath(kind, namespace, name) }))
    : (await placed(connection, manifests)).map((each) => ({
        kind: each.kind,
        name: each.manifest.metadata.name,
        path: resourcePath(each.kind, each.namespace, each.manifest.metadata.name),
      }));
  for (const { kind: of, name, path } of targets) {
    await client.send({ method: 'DELETE', path });
    if (!output.isJson) await output.write(`${of.singular}/${name} deleted\n`);
  }
  return 0;
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
