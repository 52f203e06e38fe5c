import { type Command, UsageError } from '../cli/command.ts';
import { pathOf } from '../client/client.ts';

/** Versions hold the routes of all namespaces, and are at one of them. */
const GATEWAY = pathOf('v1', 'namespaces', 'default', 'gateway');

interface Versions {
  readonly items: readonly {
    readonly version: number;
    readonly publishedAt: string;
    readonly rollbackOf?: number;
    readonly current: boolean;
  }[];
  readonly pinnedVersion: number | null;
}

interface Changes {
  readonly items: readonly {
    readonly kind: string;
    readonly change: string;
    readonly name: string;
    readonly host?: string;
    readonly namespace?: string;
    readonly namespaceUid?: string;
    readonly resource?: string;
  }[];
  readonly truncated: boolean;
}

const WHOSE = 'For keys that are confined to no namespace: a version has the routes of all.';

/** `orasi gateway …`: the configuration that the gateway serves by, as it was published. */
export const gatewayCommands: readonly Command[] = [
  {
    words: ['gateway', 'versions'],
    summary: "list the versions of the gateway's configuration that are kept",
    details: [WHOSE],
    async run({ connect, output }) {
      const { client } = await connect();
      const versions = await client.json<Versions>({ method: 'GET', path: `${GATEWAY}/versions` });
      if (output.isJson) await output.json(versions);
      else {
        const rows = versions.items.map(({ version, publishedAt, rollbackOf, current }) => {
          return [version, publishedAt, rollbackOf, current ? 'yes' : ''];
        });
        await output.table(['VERSION', 'PUBLISHED', 'CONTENT OF', 'IN FORCE'], rows);
        if (versions.pinnedVersion !== null) output.note(heldText(versions.pinnedVersion));
      }
      return 0;
    },
  },
  {
    words: ['gateway', 'diff'],
    summary: 'list what is another in one version than in an earlier one',
    arguments: [
      { name: 'FROM', summary: 'a version; `orasi gateway versions` lists them' },
      { name: 'TO', summary: 'a later one' },
    ],
    details: [WHOSE],
    async run({ args: [from, to], connect, output }) {
      const path = `${GATEWAY}${pathOf('versions', versionIn(from, 'FROM'), 'diff', versionIn(to, 'TO'))}`;
      const { client } = await connect();
      const changes = await client.json<Changes>({ method: 'GET', path });
      if (output.isJson) await output.json(changes);
      else {
        const rows = changes.items.map(({ change, kind, resource, namespace, namespaceUid, name, host }) => {
          return [change, resource ?? kind, `${namespace ?? namespaceUid}/${name}`, host];
        });
        await output.table(['CHANGE', 'KIND', 'NAME', 'HOST'], rows);
        if (changes.truncated) output.note('there is more than is compared or shown');
      }
      return 0;
    },
  },
  {
    words: ['gateway', 'rollback'],
    summary: 'go back to the content of a version and hold to it',
    arguments: [{ name: 'VERSION', summary: '`orasi gateway versions` lists them' }],
    details: [
      'It is published again, as a new version. Changes of resources are judged meanwhile and wait until `orasi gateway release`.',
      WHOSE,
    ],
    async run({ args: [version], connect, output }) {
      const json = { version: versionIn(version, 'VERSION') };
      const { client } = await connect();
      const held = await client.json<object>({ method: 'POST', path: `${GATEWAY}/rollback`, json });
      if (output.isJson) await output.json(held);
      else await output.write(`${heldText(json.version)}\n`);
      return 0;
    },
  },
  {
    words: ['gateway', 'release'],
    summary: 'let go of the version that is held to: what is declared is published',
    details: [WHOSE],
    async run({ connect, output }) {
      const { client } = await connect();
      const held = await client.json<object>({ method: 'DELETE', path: `${GATEWAY}/rollback` });
      if (output.isJson) await output.json(held);
      else await output.write('what is declared is published\n');
      return 0;
    },
  },
];

function heldText(version: number): string {
  return `version ${version} is held to: changes wait until \`orasi gateway release\``;
}

function versionIn(text: string, argument: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new UsageError(`${argument}: expected the number of a version, got "${text}"`);
  return Number(text);
}
