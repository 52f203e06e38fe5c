import { describe, expect, test } from 'vitest';
import type { HostKey } from '../../src/core/protocol/gateway.ts';
import { Snapshots } from '../../src/gateway/snapshot.ts';
import { hostEntryKey, upstreamEntryKey } from '../../src/traffic/snapshot/keys.ts';
import { NAMESPACE_UID, publication, rule, type TestConfiguration, upstream } from './entries.ts';

const upstreamKey = upstreamEntryKey(`${NAMESPACE_UID}/a`);

/** A store of published files that counts what is read of it. */
async function store(maxBytes = 1_000_000) {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const reads: string[] = [];
  const snapshots = new Snapshots(async (key) => {
    reads.push(key);
    return files.get(key) ?? null;
  }, maxBytes);
  const put = async (version: number, configuration: TestConfiguration, shards?: number) => {
    const made = await publication(version, configuration, shards);
    for (const [key, bytes] of made.files) files.set(key, bytes);
    return made.manifest;
  };
  return { files, reads, snapshots, put };
}

const configuration = (address: string, hosts: readonly string[] = ['a.example']): TestConfiguration => ({
  upstreams: { a: upstream([address]) },
  hosts: Object.fromEntries(hosts.map((host) => [`http://${host}` as HostKey, [rule('/', 'a')]])),
});

const addressIn = (entry: { endpoints: readonly { address: string }[] } | null | undefined) =>
  entry?.endpoints[0].address;

describe('entries of an isolate', () => {
  test('are read when they are asked for, once for all requests', async () => {
    const { snapshots, put, reads } = await store();
    await snapshots.takeUp(await put(1, configuration('http://one')));
    expect(reads).toEqual([]);
    const reader = snapshots.reader();
    expect(reader?.read(upstreamKey)).toBeUndefined();
    await reader?.load(upstreamKey);
    expect(addressIn(reader?.read(upstreamKey))).toBe('http://one');
    expect(addressIn(snapshots.reader()?.read(upstreamKey))).toBe('http://one');
    expect(reads).toHaveLength(1);
  });

  test('that are not there are null, not missing', async () => {
    const { snapshots, put, reads } = await store();
    await snapshots.takeUp(await put(1, { upstreams: {}, hosts: {} }));
    expect(snapshots.reader()?.read(upstreamKey)).toBeNull();
    expect(reads).toEqual([]);
  });

  test('two requests that lack the same read it each for itself', async () => {
    const { snapshots, put, reads } = await store();
    await snapshots.takeUp(await put(1, configuration('http://one')));
    const [first, second] = [snapshots.reader(), snapshots.reader()];
    await Promise.all([first?.load(upstreamKey), second?.load(upstreamKey)]);
    expect(reads).toHaveLength(2);
    expect(first?.read(upstreamKey)).not.toBeUndefined();
    expect(second?.read(upstreamKey)).not.toBeUndefined();
  });
});

describe('a version', () => {
  test('is one from a request’s start to its end, whatever is published meanwhile', async () => {
    const { snapshots, put } = await store();
    await snapshots.takeUp(await put(1, configuration('http://one')));
    const reader = snapshots.reader();
    await snapshots.takeUp(await put(2, configuration('http://two')));
    await reader?.load(upstreamKey);
    expect(addressIn(reader?.read(upstreamKey))).toBe('http://one');
    expect(reader?.version).toBe(1);
    const later = snapshots.reader();
    await later?.load(upstreamKey);
    expect(addressIn(later?.read(upstreamKey))).toBe('http://two');
  });

  test('has what is in use in memory before it is in force, so that no request waits for a change', async () => {
    const { snapshots, put } = await store();
    await snapshots.takeUp(await put(1, configuration('http://one')));
    await snapshots.reader()?.load(upstreamKey);
    await snapshots.takeUp(await put(2, configuration('http://two')));
    expect(addressIn(snapshots.reader()?.read(upstreamKey))).toBe('http://two');
  });

  test('changes nothing where a file of it that is in use is missing or damaged', async () => {
    const { snapshots, put, files } = await store();
    await snapshots.takeUp(await put(1, configuration('http://one')));
    await snapshots.reader()?.load(upstreamKey);
    const second = await put(2, configuration('http://two'));
    for (const ref of second.shards) if (ref !== null) files.get(`gateway/shards/${ref.hash}`)?.fill(0x20);
    await expect(snapshots.takeUp(second)).rejects.toThrow(/other bytes/);
    expect(snapshots.version).toBe(1);
    expect(addressIn(snapshots.reader()?.read(upstreamKey))).toBe('http://one');
  });

  test('that is older than the one in force changes nothing', async () => {
    const { snapshots, put } = await store();
    await snapshots.takeUp(await put(5, configuration('http://five')));
    await snapshots.takeUp(await put(4, configuration('http://four')));
    expect(snapshots.version).toBe(5);
  });

  test('may have another number of shards', async () => {
    const { snapshots, put } = await store();
    await snapshots.takeUp(await put(1, configuration('http://one'), 2));
    await snapshots.reader()?.load(upstreamKey);
    await snapshots.takeUp(await put(2, configuration('http://two'), 8));
    const reader = snapshots.reader();
    if (reader?.read(upstreamKey) === undefined) await reader?.load(upstreamKey);
    expect(addressIn(reader?.read(upstreamKey))).toBe('http://two');
  });

  test('lets go of the shards that it no longer names', async () => {
    const { snapshots, put } = await store();
    await snapshots.takeUp(await put(1, configuration('http://one')));
    await snapshots.reader()?.load(upstreamKey);
    const before = snapshots.heldBytes;
    for (let version = 2; version < 20; version++) {
      await snapshots.takeUp(await put(version, configuration(`http://${version}`)));
    }
    expect(snapshots.heldBytes).toBeLessThan(before * 2);
  });
});

describe('memory', () => {
  const hosts = Array.from({ length: 64 }, (_, i) => `h${i}.example`);

  test('is bounded by bytes; what was asked for longest ago goes first', async () => {
    const { snapshots, put } = await store(20_000);
    const manifest = await put(1, configuration('http://one', hosts), 64);
    await snapshots.takeUp(manifest);
    const total = manifest.shards.reduce((sum, ref) => sum + (ref?.bytes ?? 0), 0);
    expect(total).toBeGreaterThan(25_000);
    const kept = hostEntryKey('http://h0.example');
    await snapshots.reader()?.load(kept);
    for (const host of hosts.slice(1)) {
      await snapshots.reader()?.load(hostEntryKey(`http://${host}`));
      expect(snapshots.reader()?.read(kept)).toBeDefined();
      expect(snapshots.heldBytes).toBeLessThanOrEqual(20_000);
    }
    expect(snapshots.reader()?.read(hostEntryKey('http://h1.example'))).toBeUndefined();
  });

  test('that is too small for one request’s needs still serves it', async () => {
    const { snapshots, put } = await store(1);
    await snapshots.takeUp(await put(1, configuration('http://one', hosts), 64));
    const reader = snapshots.reader();
    for (const host of hosts) await reader?.load(hostEntryKey(`http://${host}`));
    for (const host of hosts) expect(reader?.read(hostEntryKey(`http://${host}`))).toBeDefined();
  });
});
