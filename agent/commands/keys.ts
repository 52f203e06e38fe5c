import { type Command, UsageError } from '../cli/command.ts';
import { type Page, readPages } from '../cli/pages.ts';
import { pathOf } from '../client/client.ts';

interface KeyView {
  readonly keyId: string;
  readonly namespace: string | null;
  readonly role: string;
  readonly label: string;
  readonly createdAt: string;
  readonly revokedAt?: string;
}

/** `orasi keys …` */
export const keyCommands: readonly Command[] = [
  {
    words: ['keys', 'create'],
    summary: 'issue a key; its token is printed here and nowhere else',
    options: {
      role: { value: 'ROLE', summary: 'what it may do', choices: ['admin', 'agent', 'ingester', 'reader'] },
      label: { value: 'TEXT', summary: 'what it is for' },
      'all-namespaces': { summary: 'for every namespace' },
    },
    details: ['Standard output is the token alone, so that it can go straight into a file.'],
    examples: ['orasi keys create --role reader --label dashboard > token'],
    async run({ options, connect, output }) {
      const role = options.text('role');
      if (role === undefined) throw new UsageError('--role is missing');
      const { client, namespace } = await connect();
      const key = await client.json<KeyView & { token: string }>({
        method: 'POST',
        path: pathOf('v1', 'namespaces', namespace, 'keys'),
        json: { role, label: options.text('label') ?? '', allNamespaces: options.flag('all-namespaces') },
      });
      if (output.isJson) await output.json(key);
      else {
        output.note(`key ${key.keyId}, ${key.role} of ${key.namespace ?? 'all namespaces'}`);
        await output.write(`${key.token}\n`);
      }
      return 0;
    },
  },
  {
    words: ['keys', 'list'],
    summary: 'list keys, newest first, revoked ones too',
    async run({ connect, output }) {
      const { client, namespace } = await connect();
      const path = pathOf('v1', 'namespaces', namespace, 'keys');
      const items = await readPages((query) => client.json<Page<KeyView>>({ method: 'GET', path, query }));
      if (output.isJson) await output.json({ items });
      else {
        await output.table(
          ['KEY', 'ROLE', 'NAMESPACE', 'LABEL', 'CREATED', 'REVOKED'],
          items.map((key) => [key.keyId, key.role, key.namespace ?? '*', key.label, key.createdAt, key.revokedAt]),
        );
      }
      return 0;
    },
  },
  {
    words: ['keys', 'revoke'],
    summary: 'revoke keys; they are dead everywhere within seconds',
    arguments: [{ name: 'KEY', summary: 'the id of a key', many: true }],
    async run({ args, connect, output }) {
      const { client, namespace } = await connect();
      for (const id of args) {
        await client.send({ method: 'DELETE', path: pathOf('v1', 'namespaces', namespace, 'keys', id) });
        output.note(`revoked ${id}`);
      }
      return 0;
    },
  },
];
