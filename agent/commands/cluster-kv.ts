import { type Call, type Command, UsageError } from '../cli/command.ts';
import { type Page, readPages } from '../cli/pages.ts';
import { CLUSTER, clusterPath } from './cluster.ts';
import { followCluster, WATCH_OPTIONS } from './cluster-watch.ts';

interface KeyView {
  readonly key?: string;
  readonly keyBase64?: string;
  readonly value?: string;
  readonly valueBase64?: string;
  readonly revision: number;
  readonly version: number;
  readonly leaseId?: string;
}

const KEY = { name: 'KEY', summary: 'a key; slashes are part of it' } as const;
const CONDITIONS = {
  'if-revision': { value: 'NUMBER', summary: 'only where this is the revision of its last write' },
  'if-absent': { summary: 'only where the key is not there' },
  'if-epoch': { value: 'NUMBER', summary: "only while this is the epoch of the cluster's leader" },
} as const;

/** `orasi cluster kv …`: the state of a cluster. */
export const clusterKvCommands: readonly Command[] = [
  {
    words: ['cluster', 'kv', 'get'],
    summary: 'print the value of a key as it is',
    arguments: [KEY],
    options: { ...CLUSTER, revision: { value: 'NUMBER', summary: 'as of this revision' } },
    async run(call) {
      const { client } = await call.connect();
      const query = { revision: call.options.integer('revision', 1, Number.MAX_SAFE_INTEGER) };
      const found = await client.json<KeyView>({ method: 'GET', path: await keyPath(call), query });
      if (call.output.isJson) await call.output.json(found);
      else if (found.value !== undefined) await call.output.write(`${found.value}\n`);
      else await call.output.write(Buffer.from(found.valueBase64 ?? '', 'base64'));
      return 0;
    },
  },
  {
    words: ['cluster', 'kv', 'list'],
    summary: 'list the keys with a prefix, all as of one revision',
    arguments: [{ name: 'PREFIX', summary: 'what they begin with', optional: true }],
    options: { ...CLUSTER, 'keys-only': { summary: 'leave the values out' } },
    async run(call) {
      const { client } = await call.connect();
      const path = await clusterPath(call, 'kv');
      const filter = { prefix: call.args.at(0), keysOnly: call.options.flag('keys-only') || undefined };
      const items = await readPages((query) =>
        client.json<Page<KeyView>>({ method: 'GET', path, query: { ...filter, ...query } }),
      );
      if (call.output.isJson) await call.output.json({ items });
      else {
        const rows = items.map(({ key, keyBase64, value, valueBase64, revision, leaseId }) => [
          key ?? keyBase64,
          value ?? valueBase64,
          revision,
          leaseId,
        ]);
        await call.output.table(['KEY', 'VALUE', 'REVISION', 'LEASE'], rows);
      }
      return 0;
    },
  },
  {
    words: ['cluster', 'kv', 'put'],
    summary: 'write a key, and print the revision of the write',
    arguments: [KEY, { name: 'VALUE', summary: 'its value; `-` reads it from standard input' }],
    options: { ...CLUSTER, lease: { value: 'ID', summary: 'the key goes when this lease ends' }, ...CONDITIONS },
    examples: ['orasi cluster kv put config/mode fast --if-absent'],
    async run(call) {
      const { client } = await call.connect();
      const json = { ...(await valueIn(call)), leaseId: call.options.text('lease') };
      const headers = conditionsOf(call);
      const written = await client.json<KeyView>({ method: 'PUT', path: await keyPath(call), json, headers });
      if (call.output.isJson) await call.output.json(written);
      else await call.output.write(`${written.revision}\n`);
      return 0;
    },
  },
  {
    words: ['cluster', 'kv', 'delete'],
    summary: 'delete a key; exits with 1 where there is none',
    arguments: [KEY],
    options: { ...CLUSTER, ...CONDITIONS },
    async run(call) {
      const { client } = await call.connect();
      const answer = await client.json<{ deleted: number; revision: number }>({
        method: 'DELETE',
        path: await keyPath(call),
        headers: conditionsOf(call),
      });
      if (call.output.isJson) await call.output.json(answer);
      else if (answer.deleted === 0) call.output.error(`there is no key "${call.args[0]}"`);
      return answer.deleted === 0 ? 1 : 0;
    },
  },
  {
    words: ['cluster', 'kv', 'watch'],
    summary: 'print each change of the keys with a prefix, through broken connections',
    arguments: [{ name: 'PREFIX', summary: 'what they begin with', optional: true }],
    options: { ...CLUSTER, ...WATCH_OPTIONS },
    async run(call) {
      return await followCluster(call, await clusterPath(call, 'watch', 'kv'), call.args.at(0), (data) =>
        call.output.write(call.output.isJson ? `${data}\n` : changeLines(data)),
      );
    },
  },
];

async function keyPath(call: Call): Promise<string> {
  const key = call.args[0].split('/').map(encodeURIComponent).join('/');
  return `${await clusterPath(call, 'kv')}/${key}`;
}

function conditionsOf({ options }: Call): Record<string, string> {
  const revision = options.integer('if-revision', 1, Number.MAX_SAFE_INTEGER);
  const epoch = options.integer('if-epoch', 0, Number.MAX_SAFE_INTEGER);
  if (revision !== undefined && options.flag('if-absent')) {
    throw new UsageError('give --if-revision or --if-absent, not both');
  }
  return {
    ...(revision === undefined ? {} : { 'if-match': `"${revision}"` }),
    ...(options.flag('if-absent') ? { 'if-none-match': '*' } : {}),
    ...(epoch === undefined ? {} : { 'if-epoch': String(epoch) }),
  };
}

async function valueIn({ args, stdin }: Call): Promise<{ value: string } | { valueBase64: string }> {
  if (args[1] !== '-') return { value: args[1] };
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return { valueBase64: Buffer.concat(chunks).toString('base64') };
}

function changeLines(data: string): string {
  const { revision, changes } = JSON.parse(data) as { revision: number; changes: ({ type: string } & KeyView)[] };
  return changes
    .map(({ type, key, keyBase64, value, valueBase64 }) => {
      const parts = [revision, type, key ?? keyBase64, value ?? valueBase64];
      return `${parts.filter((part) => part !== undefined).join('  ')}\n`;
    })
    .join('');
}
