import { expect, test } from 'vitest';
import { manifestFileKey } from '../../../src/traffic/snapshot/manifest.ts';
import { shardFileKey } from '../../../src/traffic/snapshot/shard.ts';
import { NAMESPACES } from '../fixture.ts';
import { gatewayPlane } from './gateway-plane.ts';

type Plane = ReturnType<typeof gatewayPlane>;

const LOOKED_FOR_EVERY_MS = 5 * 60_000;

function route(plane: Plane, name: string, namespace = 'default', path = '/'): void {
  plane.upstream('orders', namespace);
  plane.route(
    name,
    {
      parentRefs: [{ name: 'default' }],
      hostnames: [`${name}.example.com`],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: path } }],
          backendRefs: [{ group: 'orasi.io', kind: 'Upstream', name: 'orders' }],
        },
      ],
    },
    namespace,
  );
}

async function withRoute(): Promise<Plane> {
  const plane = gatewayPlane();
  route(plane, 'a');
  await plane.publish();
  plane.machine.tick();
  await plane.publish();
  return plane;
}

/** Takes out of the bucket what the present version consists of. */
async function lose(plane: Plane, what: 'shards' | 'manifest'): Promise<void> {
  const { manifest } = await plane.published();
  const shards = manifest.shards.flatMap((ref) => (ref === null ? [] : [shardFileKey(ref.hash)]));
  await plane.files.store.delete(what === 'shards' ? shards : [manifestFileKey(manifest.version)]);
}

/** The sweep, once it is time to look again. */
async function sweep(plane: Plane): Promise<void> {
  plane.clock.advance(LOOKED_FOR_EVERY_MS);
  plane.machine.tick();
  await plane.publish();
}

const hosts = async (plane: Plane) =>
  Object.keys((await plane.published()).entries).filter((key) => key.startsWith('host:http:')).length;

test('a shard that is not in the bucket any more is written again, under the version that names it', async () => {
  const plane = await withRoute();
  await lose(plane, 'shards');
  await expect(plane.published()).rejects.toThrow('is not there');
  await sweep(plane);
  expect([(await plane.published()).manifest.version, await hosts(plane)]).toEqual([1, 1]);
  expect(plane.lines.filter((line) => line.includes('were not in the bucket'))).toHaveLength(1);
});

test('one of many pages of files', async () => {
  const plane = await withRoute();
  for (let i = 0; i < 1_100; i++) await plane.files.store.put(`gateway/shards/0${i}`, new Uint8Array());
  await sweep(plane);
  expect(plane.lines.filter((line) => line.includes('were not in the bucket'))).toEqual([]);
  await lose(plane, 'shards');
  await sweep(plane);
  expect(await hosts(plane)).toBe(1);
});

test('in the place of a manifest that is lost comes the next version', async () => {
  const plane = await withRoute();
  await lose(plane, 'manifest');
  await sweep(plane);
  expect([(await plane.published()).manifest.version, await hosts(plane)]).toEqual([2, 1]);
});

test('a shard of what is declared that has changed since is not written: it comes when the rollback is let go', async () => {
  const plane = await withRoute();
  route(plane, 'a', 'default', '/other');
  await plane.publish();
  const { manifest } = await plane.published();
  plane.machine.pinGatewayVersion(1);
  await plane.publish();
  plane.upstream('more');
  await plane.settle();
  await plane.files.store.delete(manifest.shards.map((ref) => shardFileKey(ref?.hash ?? '')));
  const before = plane.files.puts.length;
  await sweep(plane);
  expect(plane.files.puts.slice(before)).toEqual([]);
  plane.machine.pinGatewayVersion(null);
  await plane.publish();
  expect([(await plane.published()).manifest.version, await hosts(plane)]).toEqual([4, 1]);
});

test('it is not looked for with every sweep', async () => {
  const plane = await withRoute();
  await lose(plane, 'shards');
  plane.clock.advance(60_000);
  plane.machine.tick();
  await plane.publish();
  await expect(plane.published()).rejects.toThrow('is not there');
});

test('what is served of a version that is held to is written again as well', async () => {
  const plane = gatewayPlane();
  plane.namespace('team');
  route(plane, 'a');
  route(plane, 'b', 'team');
  await plane.publish();
  route(plane, 'a', 'default', '/other');
  await plane.publish();
  plane.machine.pinGatewayVersion(1);
  plane.remove(NAMESPACES, 'team');
  await plane.publish();
  for (const what of ['shards', 'manifest'] as const) {
    await lose(plane, what);
    await sweep(plane);
    expect(await hosts(plane)).toBe(1);
  }
});
