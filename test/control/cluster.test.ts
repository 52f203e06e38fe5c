import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/control/json.ts';
import type { ClusterHome } from '../../src/control/reconcile.ts';
import { DEFAULT_CLUSTER_SETTINGS } from '../../src/core/protocol/cluster-settings.ts';
import { NAMESPACES, testPlane } from './fixture.ts';

const CLUSTERS = { resource: 'clusters' };
const cluster = (name: string, spec: JsonObject = {}): JsonObject => ({
  apiVersion: 'orasi.io/v1alpha1',
  kind: 'Cluster',
  metadata: { name },
  spec,
});

function clusters(clusterHome?: ClusterHome) {
  const plane = testPlane(clusterHome === undefined ? {} : { clusterHome });
  const uid = plane.machine.namespaceUid('default') ?? '';
  return {
    ...plane,
    uid,
    put: (name: string, spec: JsonObject) => plane.send('create', cluster(name, spec), CLUSTERS),
    patch: (name: string, spec: JsonObject) => plane.send('patch', { spec }, { ...CLUSTERS, name }),
    delete: (name: string) => plane.call({ ...CLUSTERS, verb: 'delete', name }),
    settings: (name: string) => plane.machine.clusterSettings(uid, name),
  };
}

describe('the settings of a cluster', () => {
  test('are the defaults where nothing is declared, what is declared at once, and the defaults again after it is gone', () => {
    const plane = clusters();
    expect(plane.settings('main')).toEqual({ version: 0, namespace: 'default', settings: DEFAULT_CLUSTER_SETTINGS });
    expect(plane.put('main', {}).status).toBe(201);
    expect(plane.settings('main').settings).toEqual(DEFAULT_CLUSTER_SETTINGS);
    plane.patch('main', {
      session: { ttlSeconds: 30, unhealthyAfterMissed: 1 },
      election: { policy: 'majority', threshold: 2, preferredZones: ['near'] },
      kv: { historyRevisions: 500 },
      locationHint: 'weur',
    });
    const { version, settings } = plane.settings('main');
    expect(settings).toMatchObject({
      sessionTtlSeconds: 30,
      unhealthyAfterMissed: 1,
      reconnectGraceSeconds: 10,
      election: { policy: 'majority', automatic: true, leaseSeconds: null, threshold: 2, preferredZones: ['near'] },
      kv: { historyRevisions: 500, liveBytes: DEFAULT_CLUSTER_SETTINGS.kv.liveBytes },
      placement: { locationHint: 'weur', jurisdiction: null },
    });
    plane.delete('main');
    expect(plane.settings('main').settings).toEqual(DEFAULT_CLUSTER_SETTINGS);
    expect(plane.settings('main').version).toBeGreaterThan(version);
  });

  test('are the defaults of nobody in a namespace that is gone or was made again', async () => {
    const plane = clusters();
    plane.send('create', { metadata: { name: 'other' } }, { ...NAMESPACES, namespace: null });
    const uid = plane.machine.namespaceUid('other') ?? '';
    plane.send('create', cluster('main', { session: { ttlSeconds: 7 } }), { ...CLUSTERS, namespace: 'other' });
    expect(plane.machine.clusterSettings(uid, 'main')).toMatchObject({
      namespace: 'other',
      settings: { sessionTtlSeconds: 7 },
    });
    plane.call({ ...NAMESPACES, verb: 'delete', name: 'other' });
    await plane.settle();
    expect(plane.machine.clusterSettings(uid, 'main')).toEqual({
      version: 0,
      namespace: null,
      settings: DEFAULT_CLUSTER_SETTINGS,
    });
  });

  test.each<[JsonObject, string]>([
    [{ election: { policy: 'raft' } }, 'spec.election.policy'],
    [{ session: { unhealthyAfterMissed: 3 } }, 'spec.session.unhealthyAfterMissed'],
    [{ election: { campaignTimeoutSeconds: 61 } }, 'spec.election.electionTimeoutSeconds'],
    [{ election: { leaseSeconds: 30 } }, 'spec.election.leaseSeconds'],
    [{ election: { leaseSeconds: 61 } }, 'spec.election.leaseSeconds'],
    [{ election: { preferredMembers: ['a', 'b', 'a'] } }, 'spec.election.preferredMembers[2]'],
    [{ jurisdiction: 'moon' }, 'spec.jurisdiction'],
    [{ kv: { liveBytes: 1 } }, 'spec.kv.liveBytes'],
  ])('%j is refused by the name of its field', (spec, field) => {
    const refused = clusters().put('main', spec);
    expect(refused.status).toBe(422);
    expect(JSON.stringify(refused.json)).toContain(`"field":"${field}"`);
  });

  test('a jurisdiction does not change', () => {
    const plane = clusters();
    plane.put('main', { jurisdiction: 'eu' });
    expect(plane.patch('main', { jurisdiction: 'us' }).status).toBe(422);
    expect(plane.patch('main', { jurisdiction: null }).status).toBe(422);
    expect(plane.patch('main', { session: { ttlSeconds: 30 } }).status).toBe(200);
  });

  test.each<[string | null | undefined, 'True' | 'False']>([
    [undefined, 'True'],
    ['eu', 'True'],
    [null, 'False'],
    ['us', 'False'],
  ])('a cluster declared in the EU whose data are in %s: InJurisdiction is %s', async (home, inPlace) => {
    const plane = clusters(async () => home);
    plane.put('main', { jurisdiction: 'eu' });
    await plane.settle();
    expect(plane.call({ ...CLUSTERS, verb: 'get', name: 'main' }).json).toMatchObject({
      status: {
        observedGeneration: 1,
        conditions: [
          { type: 'Accepted', status: 'True' },
          { type: 'InJurisdiction', status: inPlace },
        ],
      },
    });
  });
});
