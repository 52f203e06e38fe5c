import { expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/control/json.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { recipes } from '../../gateway-recipes.ts';
import { sized } from '../../scale.ts';
import { GATEWAYS, gateway, ROUTES, route } from './fixture.ts';
import { gatewayPlane } from './gateway-plane.ts';

/** What somebody may put where something else belongs. */
const HOSTILE: readonly JsonValue[] = [
  null,
  true,
  0,
  -1,
  2 ** 53,
  1e308,
  '',
  ' ',
  '/',
  '*',
  '*.',
  '.',
  '%',
  '%00',
  '\u0000',
  '\ud800',
  '\u202e',
  'a'.repeat(5_000),
  '(a+)+$',
  '(?<=a)b',
  '[',
  '\\',
  '0s',
  '99999h99999h99999h99999h',
  'localhost',
  'constructor',
  'https://[::1]:99999',
  [],
  [[]],
  [null],
  {},
  { type: 'Exact' },
  { constructor: { prototype: 1 } },
];

const SEEDS: readonly JsonObject[] = [
  ...[...recipes().values()]
    .flat()
    .filter(({ kind }) => kind === 'HTTPRoute')
    .map(({ spec }) => spec as JsonObject),
  {
    parentRefs: [
      { name: 'default', sectionName: 'http' },
      { name: 'other', namespace: 'team', port: 80 },
    ],
    hostnames: ['hostile.example', '*.hostile.example'],
    rules: [
      {
        name: 'all',
        matches: [
          {
            path: { type: 'RegularExpression', value: '/v[0-9]+' },
            method: 'GET',
            headers: [{ name: 'a', type: 'RegularExpression', value: 'b|c' }],
            queryParams: [{ name: 'd', value: 'e' }],
          },
        ],
        filters: [{ type: 'CORS', cors: { allowOrigins: ['https://a.example'], maxAge: 7 } }],
        backendRefs: [{ name: 'shop', port: 80, weight: 3, filters: [] }],
        timeouts: { request: '2s', backendRequest: '1s' },
        retry: { codes: [503], attempts: 2, backoff: '10ms' },
        sessionPersistence: { sessionName: 's', absoluteTimeout: '1h', cookieConfig: { lifetimeType: 'Permanent' } },
      },
    ],
  },
];

const GATEWAY_SEED: JsonObject = {
  gatewayClassName: 'orasi',
  listeners: [
    {
      name: 'a',
      port: 80,
      protocol: 'HTTP',
      hostname: '*.hostile.example',
      allowedRoutes: {
        namespaces: { from: 'Selector', selector: { matchLabels: { a: 'b' }, matchExpressions: [] } },
        kinds: [{ kind: 'HTTPRoute' }],
      },
    },
    { name: 'b', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'c' }], options: { a: 'b' } } },
  ],
};

test('whatever is sent for a route or a Gateway is taken or refused, and what is taken breaks no other', async () => {
  const random = seededRandom(7);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)];
  const plane = gatewayPlane();
  plane.upstream('shop');
  const bystander = {
    parentRefs: [{ name: 'default' }],
    hostnames: ['bystander.example'],
    rules: [{ backendRefs: [{ name: 'shop', port: 80 }] }],
  };
  plane.route('bystander', bystander);
  await plane.publish();
  const before = await bystanderEntries(plane);
  const counts = new Map<number, number>();
  for (let i = 0; i < sized(200); i++) {
    const isRoute = random.next() < 0.75;
    const spec = structuredClone(isRoute ? pick(SEEDS) : GATEWAY_SEED);
    for (let n = Math.floor(random.next() * 3); n >= 0; n--) spoil(spec, random.next(), pick(HOSTILE));
    const name = `x${i % 20}`;
    const call = { ...(isRoute ? ROUTES : GATEWAYS), name };
    const body = isRoute ? route(name, spec) : gateway(name, spec);
    plane.call({ verb: 'delete', ...call });
    const { status, json } = plane.send('create', body, { ...call, name: null });
    counts.set(status, (counts.get(status) ?? 0) + 1);
    expect([201, 400, 422], JSON.stringify([json, spec]).slice(0, 2_000)).toContain(status);
    if (i % 20 === 19) await plane.publish();
  }
  expect(await bystanderEntries(plane)).toEqual(before);
  expect(plane.conditions('bystander')).toEqual([['Accepted=True/Accepted', 'ResolvedRefs=True/ResolvedRefs']]);
  expect(plane.lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
  expect([...counts.keys()].sort()).toEqual([201, 422]);
});

async function bystanderEntries(plane: ReturnType<typeof gatewayPlane>): Promise<JsonObject> {
  const { entries } = await plane.published();
  return Object.fromEntries(Object.entries(entries).filter(([key]) => key.includes('bystander.example')));
}

/** Puts something else at one place; `at` from 0 to 1 tells which. */
function spoil(spec: JsonObject, at: number, by: JsonValue): void {
  const places: (() => void)[] = [];
  const walk = (node: JsonValue) => {
    if (typeof node !== 'object' || node === null) return;
    for (const key of Object.keys(node)) {
      const members = node as JsonObject;
      places.push(() => {
        members[key] = structuredClone(by);
      });
      walk(members[key]);
    }
  };
  walk(spec);
  places[Math.floor(at * places.length)]?.();
}
