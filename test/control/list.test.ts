import { expect, test } from 'vitest';
import { memoryStorage } from '../../src/control/memory-storage.ts';
import { sqlStorage } from '../../src/control/sql-storage.ts';
import { seededRandom } from '../../src/core/random.ts';
import { seedCount } from '../scale.ts';
import { NAMESPACES, nodeDatabase, pipeline, plainPlane } from './fixture.ts';

interface Listed {
  items: { metadata: { name: string; namespace: string; resourceVersion: string } }[];
  metadata: { resourceVersion: string; continue?: string };
}

function pages(plane: ReturnType<typeof plainPlane>) {
  return (query: Record<string, string>, namespace: string | null = 'default') => {
    const { status, json } = plane.call({ verb: 'list', namespace, query });
    return { ...(json as unknown as Listed), status, json };
  };
}

test('a list says its revision and holds what matches, in the order of names', () => {
  const plane = plainPlane();
  for (const name of ['c', 'a', 'b'])
    plane.send('create', pipeline(name, {}, { labels: { odd: String(name !== 'b') } }));
  const list = pages(plane);
  expect(list({}).json).toMatchObject({
    apiVersion: 'orasi.io/v1alpha1',
    kind: 'PipelineList',
    metadata: { resourceVersion: '4' },
  });
  expect(list({}).items.map((item) => item.metadata.name)).toEqual(['a', 'b', 'c']);
  expect(list({ labelSelector: 'odd=true' }).items.map((item) => item.metadata.name)).toEqual(['a', 'c']);
  expect(list({ fieldSelector: 'metadata.name=b' }).items.map((item) => item.metadata.name)).toEqual(['b']);
});

test('a list over all namespaces goes by namespace, then name', () => {
  const plane = plainPlane();
  plane.send('create', { metadata: { name: 'team' } }, NAMESPACES);
  for (const [namespace, name] of [
    ['team', 'a'],
    ['default', 'b'],
    ['default', 'a'],
  ] as const) {
    plane.send('create', pipeline(name), { namespace });
  }
  const places = pages(plane)({}, null).items.map((item) => `${item.metadata.namespace}/${item.metadata.name}`);
  expect(places).toEqual(['default/a', 'default/b', 'team/a']);
});

test('a full last page says that nothing follows', () => {
  const plane = plainPlane();
  for (const name of ['a', 'b']) plane.send('create', pipeline(name));
  expect(pages(plane)({ limit: '2' }).metadata.continue).toBeUndefined();
  expect(pages(plane)({ limit: '1' }).metadata.continue).toBeDefined();
});

test('a garbled continue token or limit is a bad request', () => {
  const list = pages(plainPlane());
  expect(list({ continue: 'garbage' }).json).toMatchObject({
    code: 400,
    message: expect.stringContaining('invalid continue token'),
  });
  expect(list({ limit: 'many' }).status).toBe(400);
});

test('a continue token from before what is remembered is Expired', () => {
  const plane = plainPlane();
  for (const name of ['a', 'b', 'c']) plane.send('create', pipeline(name));
  const token = pages(plane)({ limit: '1' }).metadata.continue ?? '';
  plane.send('create', pipeline('d'));
  plane.storage.compact(5);
  expect(pages(plane)({ limit: '1', continue: token }).json).toMatchObject({ code: 410, reason: 'Expired' });
});

test.each(['memory', 'SQLite'])(
  'pages show one revision whatever is written between them (%s)',
  { timeout: 60_000 },
  async (adapter) => {
    for (let seed = 1; seed <= seedCount(3); seed++) {
      const plane = plainPlane({ storage: adapter === 'memory' ? memoryStorage() : sqlStorage(nodeDatabase()) });
      const random = seededRandom(seed);
      const write = () => {
        const name = `p${Math.floor(random.next() * 30)}`;
        const dice = random.next();
        if (dice < 0.5) plane.send('create', pipeline(name));
        else if (dice < 0.8)
          plane.send('patch', { spec: { dataset: `d${Math.floor(random.next() * 100)}` } }, { name });
        else plane.call({ verb: 'delete', name });
      };
      for (let i = 0; i < 60; i++) write();
      const list = pages(plane);
      const whole = list({});
      const items: unknown[] = [];
      let token: string | undefined;
      do {
        const page = list({ limit: String(1 + Math.floor(random.next() * 5)), ...(token ? { continue: token } : {}) });
        expect(page.metadata.resourceVersion).toBe(whole.metadata.resourceVersion);
        items.push(...page.items);
        token = page.metadata.continue;
        for (let i = 0; i < 8; i++) write();
      } while (token !== undefined);
      expect(items, `seed ${seed}`).toEqual(whole.items);
    }
  },
);
