import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GatewayManifest } from '../../../src/core/protocol/gateway.ts';
import { decodeHashes, encodeHashes, hasHash } from '../../../src/traffic/snapshot/hash-set.ts';
import { EMPTY_HASH, finishHash, foldHash, hashText } from '../../../src/traffic/snapshot/key-hash.ts';
import {
  type EntryKey,
  hostEntryKey,
  literalPath,
  pageEntryKey,
  pageOf,
  segmentsOf,
  shardOf,
} from '../../../src/traffic/snapshot/keys.ts';
import { checkManifest, EMPTY_MANIFEST } from '../../../src/traffic/snapshot/manifest.ts';
import { DamagedSnapshot, decodeShard, encodeShard, entryAt, shardHash } from '../../../src/traffic/snapshot/shard.ts';

test('the hash is the one that published files were made with', () => {
  expect(hashText('')).toBe(2872998923);
  expect(hashText('http://shop.localhost')).toBe(3586088558);
  expect(hashText('/v1/orders')).toBe(1593975731);
});

test('the hash of a prefix is reached while folding the whole', () => {
  let state = EMPTY_HASH;
  for (const unit of '/a/b') state = foldHash(state, unit.charCodeAt(0));
  expect(finishHash(state)).toBe(hashText('/a/b'));
});

test('shards fill evenly, and doubling sends an entry to its own place or to the one that many further', () => {
  const keys = Array.from({ length: 8192 }, (_, i): EntryKey => `host:http://shop-${i}.example.com`);
  const counts = new Array<number>(64).fill(0);
  for (const key of keys) {
    const shard = shardOf(key, 64);
    counts[shard] += 1;
    if (shardOf(key, 128) % 64 !== shard) expect.fail(key);
  }
  expect(Math.min(...counts)).toBeGreaterThan(80);
  expect(Math.max(...counts)).toBeLessThan(190);
});

test('the first page of a host lies in the shard of the host', () => {
  for (let i = 0; i < 100; i++) {
    const host = `http://h${i}.example.com` as const;
    expect(shardOf(pageEntryKey(host, 0), 1024)).toBe(shardOf(hostEntryKey(host), 1024));
  }
});

test('a prefix lies under its path without the slash at the end, an exact path under itself', () => {
  expect(literalPath({ type: 'PathPrefix', value: '/a/' })).toBe('/a');
  expect(literalPath({ type: 'PathPrefix', value: '/' })).toBe('/');
  expect(literalPath({ type: 'Exact', value: '/a/' })).toBe('/a/');
  expect(['/', '/a', '/a/b', '/a/'].map(segmentsOf)).toEqual([0, 1, 2, 2]);
  expect(pageOf(hashText('/a'), 1)).toBe(0);
});

test('a set of hashes has what it was made of and nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 0xffffffff })),
      fc.integer({ min: 0, max: 0xffffffff }),
      (all, other) => {
        const set = decodeHashes(encodeHashes(all));
        for (const hash of all) expect(hasHash(set, hash)).toBe(true);
        expect(hasHash(set, other)).toBe(all.includes(other));
      },
    ),
  );
});

test('a set of hashes that is cut off or out of order is refused', () => {
  expect(() => decodeHashes('AAA=')).toThrow(SyntaxError);
  expect(() => decodeHashes(Buffer.from([2, 0, 0, 0, 1, 0, 0, 0]).toString('base64'))).toThrow('out of order');
});

test('the same entries are the same bytes, in whatever order they come', async () => {
  const one = encodeShard([
    ['upstream:u/b', '{"x":1}'],
    ['host:http://a', '{"pages":1}'],
  ]);
  const other = encodeShard([
    ['host:http://a', '{"pages":1}'],
    ['upstream:u/b', '{"x":1}'],
  ]);
  expect(Buffer.from(one).toString()).toBe('{"host:http://a":{"pages":1},"upstream:u/b":{"x":1}}');
  expect(await shardHash(one)).toBe(await shardHash(other));
});

test('a shard is read back only if every byte is as it was written', async () => {
  const bytes = encodeShard([['host:http://a', '{"pages":1}']]);
  const ref = { hash: await shardHash(bytes), bytes: bytes.length };
  const shard = await decodeShard(ref, bytes);
  expect(entryAt(shard, 'host:http://a')).toEqual({ pages: 1 });
  expect(entryAt(shard, 'host:http://b')).toBeUndefined();
  expect(entryAt(shard, 'host:toString')).toBeUndefined();
  const flipped = bytes.slice();
  flipped[20] ^= 1;
  await expect(decodeShard(ref, flipped)).rejects.toThrow(DamagedSnapshot);
  await expect(decodeShard(ref, bytes.slice(0, -1))).rejects.toThrow(DamagedSnapshot);
});

test('a manifest is taken as a whole or not at all', () => {
  expect(checkManifest(JSON.parse(JSON.stringify(EMPTY_MANIFEST)))).toEqual(EMPTY_MANIFEST);
  const good: GatewayManifest = {
    format: 1,
    version: 3,
    shards: [{ hash: 'a'.repeat(64), bytes: 2 }, null],
    hosts: '',
  };
  expect(checkManifest(good)).toEqual(good);
  const bad: unknown[] = [
    null,
    [],
    { ...good, format: 2 },
    { ...good, version: -1 },
    { ...good, version: '3' },
    { ...good, shards: [] },
    { ...good, shards: [null, null, null] },
    { ...good, shards: [{ hash: '../x', bytes: 2 }] },
    { ...good, shards: [{ hash: 'a'.repeat(64) }] },
    { ...good, hosts: 'AAA=' },
    { ...good, hosts: 1 },
  ];
  for (const manifest of bad) expect(() => checkManifest(manifest), JSON.stringify(manifest)).toThrow(DamagedSnapshot);
});
