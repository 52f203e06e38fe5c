import { describe, expect, test } from 'vitest';
import { memoryStorage } from '../../src/control/memory-storage.ts';
import { sqlStorage } from '../../src/control/sql-storage.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { NAMESPACES, nodeDatabase, pipeline, plainPlane, SECRETS } from './fixture.ts';

const meta = (json: Record<string, unknown>) => json.metadata as Record<string, unknown>;

describe.each([
  ['memory', () => memoryStorage()],
  ['SQLite', () => sqlStorage(nodeDatabase())],
] as const)('the resource store over %s', (_name, storage) => {
  test('a created object has uid, generation 1, a timestamp in seconds and the revision as its version', () => {
    const { status, json } = plainPlane({ storage: storage() }).send('create', pipeline('orders'));
    expect(status).toBe(201);
    expect(json).toMatchObject({
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'Pipeline',
      metadata: {
        name: 'orders',
        namespace: 'default',
        uid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        generation: 1,
        resourceVersion: '2',
        creationTimestamp: '2026-11-21T00:00:00Z',
      },
      spec: { dataset: 'orders', sourcePrefix: '', versions: 'append', indexes: [] },
    });
  });

  test('what is not the caller’s to set is not taken from it', () => {
    const plane = plainPlane({ storage: storage() });
    const sent = pipeline(
      'orders',
      {},
      { uid: 'mine', generation: 9, creationTimestamp: '1999-01-01T00:00:00Z', selfLink: '/x' },
    );
    const { json } = plane.send('create', { ...sent, status: { observedGeneration: 5 } });
    expect(meta(json)).toMatchObject({ generation: 1, creationTimestamp: '2026-11-21T00:00:00Z' });
    expect(meta(json).uid).not.toBe('mine');
    expect(json.status).toBeUndefined();
  });

  test('one counter numbers the changes of every kind', () => {
    const plane = plainPlane({ storage: storage() });
    const versions = [
      plane.send('create', pipeline('a')),
      plane.send('create', { metadata: { name: 's' } }, SECRETS),
      plane.send('create', { metadata: { name: 'team' } }, NAMESPACES),
      plane.send('patch', { spec: { versions: 'replace' } }, { name: 'a' }),
    ].map(({ json }) => meta(json).resourceVersion);
    expect(versions).toEqual(['2', '3', '4', '5']);
  });

  test('a write that changes nothing takes no revision, whatever the order of its members', () => {
    const plane = plainPlane({ storage: storage() });
    const { json } = plane.send('create', pipeline('a', {}, { labels: { x: '1', y: '2' } }));
    const same = { ...json, metadata: { ...meta(json), labels: { y: '2', x: '1' } } };
    for (const again of [
      plane.send('update', same, { name: 'a' }),
      plane.send('patch', { spec: { dataset: 'a' } }, { name: 'a' }),
      plane.send('patch', {}, { name: 'a' }),
    ]) {
      expect(again.status).toBe(200);
      expect(again.json).toEqual(json);
    }
    expect(plane.storage.revision()).toBe(2);
  });

  test('generation counts changes of the spec, not of labels or status', () => {
    const plane = plainPlane({ storage: storage() });
    plane.send('create', pipeline('a'));
    const generations = [
      plane.send('patch', { metadata: { labels: { a: 'b' } } }, { name: 'a' }),
      plane.send('patch', { status: { observedGeneration: 1 } }, { name: 'a', subresource: 'status' }),
      plane.send('patch', { spec: { sortKey: ['t'] } }, { name: 'a' }),
    ].map(({ json }) => [meta(json).generation, meta(json).resourceVersion]);
    expect(generations).toEqual([
      [1, '3'],
      [1, '4'],
      [2, '5'],
    ]);
  });

  test('a spec write does not touch status, a status write touches nothing else', () => {
    const plane = plainPlane({ storage: storage() });
    plane.send('create', pipeline('a'));
    const status = { observedGeneration: 1 };
    const first = plane.send(
      'patch',
      { status, spec: { versions: 'replace' }, metadata: { labels: { x: 'y' } } },
      { name: 'a', subresource: 'status' },
    );
    expect(first.json).toMatchObject({ status, spec: { versions: 'append' } });
    expect(meta(first.json).labels).toBeUndefined();
    const second = plane.send(
      'patch',
      { status: { observedGeneration: 9 }, spec: { versions: 'replace' } },
      { name: 'a' },
    );
    expect(second.json).toMatchObject({ status, spec: { versions: 'replace' } });
  });

  test('an update of a stale version is a conflict, and changes nothing', () => {
    const plane = plainPlane({ storage: storage() });
    const { json } = plane.send('create', pipeline('a'));
    plane.send('patch', { spec: { versions: 'replace' } }, { name: 'a' });
    const stale = plane.send('update', { ...json, spec: { dataset: 'other' } }, { name: 'a' });
    expect(stale.status).toBe(409);
    expect(stale.json).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message:
        'Operation cannot be fulfilled on pipelines.orasi.io "a": the object has been modified; please apply your changes to the latest version and try again',
      reason: 'Conflict',
      details: { name: 'a', group: 'orasi.io', kind: 'pipelines' },
      code: 409,
    });
    const patched = plane.send(
      'patch',
      { metadata: { resourceVersion: '2' }, spec: { dataset: 'other' } },
      { name: 'a' },
    );
    expect(patched.status).toBe(409);
    expect(plane.call({ verb: 'get', name: 'a' }).json).toMatchObject({ spec: { dataset: 'a' } });
  });

  test('a PUT names its version, except of a core kind', () => {
    const plane = plainPlane({ storage: storage() });
    plane.send('create', pipeline('a'));
    plane.send('create', { metadata: { name: 's' }, stringData: { k: 'v' } }, SECRETS);
    const refused = plane.send('update', pipeline('a'), { name: 'a' });
    expect([refused.status, refused.json.message]).toEqual([
      422,
      'Pipeline.orasi.io "a" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
    ]);
    expect(
      plane.send('update', { metadata: { name: 's' }, stringData: { k: 'w' } }, { ...SECRETS, name: 's' }).status,
    ).toBe(200);
  });

  test('another object under the same name is not updated: its uid differs', () => {
    const plane = plainPlane({ storage: storage() });
    plane.send('create', pipeline('a'));
    const refused = plane.send('patch', { metadata: { uid: 'of another' } }, { name: 'a' });
    expect([refused.status, refused.json.reason]).toEqual([409, 'Conflict']);
  });

  test('a dry run answers as if and changes nothing', () => {
    const plane = plainPlane({ storage: storage() });
    const query = { dryRun: 'All' };
    const created = plane.send('create', pipeline('a'), { query });
    expect(created.status).toBe(201);
    expect(meta(created.json).uid).toBeDefined();
    expect(meta(created.json).resourceVersion).toBeUndefined();
    plane.send('create', pipeline('a'));
    expect(plane.send('create', pipeline('a'), { query }).json.reason).toBe('AlreadyExists');
    const patched = plane.send('patch', { spec: { versions: 'replace' } }, { name: 'a', query });
    expect(patched.json).toMatchObject({ spec: { versions: 'replace' }, metadata: { resourceVersion: '2' } });
    expect(plane.call({ verb: 'delete', name: 'a', query }).json.status).toBe('Success');
    expect(plane.call({ verb: 'get', name: 'a' }).json).toMatchObject({ spec: { versions: 'append' } });
    expect(plane.storage.revision()).toBe(2);
  });

  test('a failed write leaves neither object nor revision nor work', () => {
    const plane = plainPlane({ storage: storage() });
    const before = [plane.storage.revision(), plane.machine.nextWorkAtMs()];
    plane.send('create', pipeline('Bad_Name'));
    plane.send('create', pipeline('a', { dataset: 'NO' }));
    expect([plane.storage.revision(), plane.machine.nextWorkAtMs()]).toEqual(before);
  });

  test('a generated name is the prefix and five characters', () => {
    const plane = plainPlane({ storage: storage() });
    const { json } = plane.send('create', { metadata: { generateName: 'run-' }, spec: { dataset: 'd' } });
    expect(meta(json).name).toMatch(/^run-[bcdfghjklmnpqrstvwxz2-9]{5}$/);
  });

  test('an object too large for a row is refused by its size', () => {
    const plane = plainPlane({ storage: storage() });
    const value = Buffer.alloc(LIMITS.resourceBytes).toString('base64');
    const refused = plane.send('create', { metadata: { name: 's' }, data: { k: value } }, SECRETS);
    expect([refused.status, refused.json.reason]).toEqual([413, 'RequestEntityTooLarge']);
  });
});

test.each([
  [pipeline('Bad_Name'), 'metadata.name', /a lowercase RFC 1123 subdomain must consist of/],
  [pipeline('a', { dataset: 'Orders' }), 'spec.dataset', /should match/],
  [{ metadata: { name: 'a' } }, 'spec', /Required value/],
  [{ metadata: { name: 'a' }, spec: {} }, 'spec.dataset', /Required value/],
  [{ metadata: {}, spec: {} }, 'metadata.name', /name or generateName is required/],
  [pipeline('a', { schema: [{ name: 'x', type: 'int32' }] }), 'spec.schema[0].type', /should match/],
  [pipeline('a', { schema: [{ name: 'x', type: 'decimal(5,9)' }] }), 'spec.schema[0].type', /scale of a decimal/],
  [
    pipeline('a', { schema: [{ name: 'x', type: 'int64', default: 'many' }] }),
    'spec.schema[0].default',
    /value of type int64/,
  ],
  [
    pipeline('a', { schema: [{ name: 'x', type: 'date', default: '2026-02-31' }] }),
    'spec.schema[0].default',
    /of type date/,
  ],
  [
    pipeline('a', {
      schema: [
        { name: 'x', type: 'bool' },
        { name: 'x', type: 'bool' },
      ],
    }),
    'spec.schema[1]',
    /Duplicate/,
  ],
  [pipeline('a', { additionalColumns: false, sortKey: ['t'] }), 'spec.sortKey[0]', /must be a column of spec.schema/],
  [pipeline('a', { sortKey: ['t', 't'] }), 'spec.sortKey[1]', /Duplicate/],
  [
    pipeline('a', { indexes: [{ name: 'i', kind: 'bitmap', fields: ['x'] }] }),
    'spec.indexes[0].kind',
    /supported values: "btree"/,
  ],
  [pipeline('a', { indexes: [{ name: 'i', kind: 'btree', fields: [] }] }), 'spec.indexes[0].fields', /at least 1/],
  [
    pipeline('a', { formatOptions: { x: { y: 1 } } }),
    'spec.formatOptions.x',
    /must be a string, a number or a boolean/,
  ],
  [pipeline('a', {}, { labels: { 'a b': 'c' } }), 'metadata.labels', /name part must consist of/],
  [pipeline('a', {}, { labels: { a: 1 } }), 'metadata.labels.a', /must be of type string/],
  [pipeline('a', {}, { finalizers: ['not ok'] }), 'metadata.finalizers', /name part must consist of/],
  [pipeline('a', {}, { ownerReferences: [{ kind: 'X' }] }), 'metadata.ownerReferences[0].uid', /Required/],
])('%j is invalid at %s', (object, field, message) => {
  const { status, json } = plainPlane().send('create', object);
  expect([status, json.reason]).toEqual([422, 'Invalid']);
  const { causes } = json.details as { causes: { field: string; message: string; reason: string }[] };
  const cause = causes.find((item) => item.field === field);
  expect(cause?.message).toMatch(message);
  expect(json.message).toContain(`${field}: `);
});

test('all faults are told at once', () => {
  const { json } = plainPlane().send('create', pipeline('a', { dataset: 'X', versions: 'never', sortKey: 'no' }));
  const { causes } = json.details as { causes: { field: string }[] };
  expect(causes.map((cause) => cause.field)).toEqual(['spec.dataset', 'spec.versions', 'spec.sortKey']);
});

test('unknown fields are dropped with a warning, in silence, or refused, as the caller asks', () => {
  const plane = plainPlane();
  const bogus = (name: string) => pipeline(name, { bogus: 1 }, { wrong: 'x' });
  const warned = plane.send('create', bogus('a'));
  expect([warned.status, warned.warnings]).toEqual([
    201,
    ['unknown field "metadata.wrong"', 'unknown field "spec.bogus"'],
  ]);
  expect(warned.body).not.toContain('bogus');
  expect(plane.send('create', bogus('b'), { query: { fieldValidation: 'Ignore' } }).warnings).toEqual([]);
  const strict = plane.send('create', bogus('c'), { query: { fieldValidation: 'Strict' } });
  expect([strict.status, strict.json.message]).toEqual([
    400,
    'Pipeline in version "v1alpha1" cannot be handled as a Pipeline: strict decoding error: unknown field "metadata.wrong", unknown field "spec.bogus"',
  ]);
});

test('an object of another kind, version, name or namespace is a bad request', () => {
  const plane = plainPlane();
  plane.send('create', pipeline('a'));
  const version = { metadata: { resourceVersion: '2', name: 'a' } };
  const messages = [
    plane.send('create', { ...pipeline('x'), kind: 'Secret' }),
    plane.send('create', { ...pipeline('x'), apiVersion: 'v1' }),
    plane.send('create', pipeline('x', {}, { namespace: 'other' })),
    plane.send('create', pipeline('x', {}, { resourceVersion: '7' })),
    plane.send('update', { ...pipeline('b'), ...{ metadata: { ...version.metadata, name: 'b' } } }, { name: 'a' }),
    plane.call({ verb: 'create', body: '{bad' }),
    plane.call({ verb: 'create', body: '[]' }),
    plane.call({ verb: 'create', body: '{"metadata":{"labels":{"__proto__":"x"}}}' }),
    plane.call({ verb: 'create', body: `{"spec":${'['.repeat(70)}${']'.repeat(70)}}` }),
  ].map(({ status, json }) => `${status} ${json.message}`);
  expect(messages).toEqual([
    '400 the kind in the data (Secret) does not match the expected kind (Pipeline)',
    '400 the API version in the data (v1) does not match the expected API version (orasi.io/v1alpha1)',
    '400 the namespace of the provided object does not match the namespace sent on the request',
    '400 resourceVersion should not be set on objects to be created',
    '400 the name of the object (b) does not match the name on the URL (a)',
    expect.stringContaining('400 the object provided is unrecognized (must be of type Pipeline): json parse error'),
    expect.stringContaining('expected a JSON object'),
    expect.stringContaining('a member cannot be called "__proto__"'),
    expect.stringContaining('nests deeper than 64 levels'),
  ]);
});

test('a patch of another type is an unsupported media type', () => {
  const plane = plainPlane();
  plane.send('create', pipeline('a'));
  const refused = plane.send('patch', {}, { name: 'a', contentType: 'application/strategic-merge-patch+json' });
  expect([refused.status, refused.json.reason]).toEqual([415, 'UnsupportedMediaType']);
});

test('things are created only in a namespace that exists', () => {
  const { status, json } = plainPlane().send('create', pipeline('a'), { namespace: 'nowhere' });
  expect([status, json.message, json.details]).toEqual([
    404,
    'namespaces "nowhere" not found',
    { name: 'nowhere', kind: 'namespaces' },
  ]);
});

test('what is not there is not found, by its qualified name', () => {
  const plane = plainPlane();
  for (const verb of ['get', 'delete'] as const) {
    expect(plane.call({ verb, name: 'x' }).json).toMatchObject({
      code: 404,
      message: 'pipelines.orasi.io "x" not found',
    });
  }
  expect(plane.send('patch', {}, { name: 'x' }).status).toBe(404);
  expect(plane.call({ verb: 'list', resource: 'widgets' })).toMatchObject({ status: 404, body: null });
  expect(plane.call({ verb: 'list', version: 'v9' })).toMatchObject({ status: 404, body: null });
});

test('verbs a resource does not have are not allowed', () => {
  const plane = plainPlane();
  const refused = [
    plane.call({ verb: 'create', namespace: null, body: '{}' }),
    plane.call({ verb: 'delete', name: 'a', subresource: 'status' }),
    plane.call({ verb: 'deletecollection', ...NAMESPACES }),
    plane.call({ verb: 'deletecollection', namespace: null }),
  ];
  expect(refused.map(({ status }) => status)).toEqual([405, 405, 405, 405]);
});

test('history is bounded: old changes are forgotten in steps', () => {
  const plane = plainPlane({ historyRevisions: 300 });
  plane.send('create', pipeline('a'));
  const key = { group: 'orasi.io', resource: 'pipelines', namespace: 'default', name: 'a' };
  const kept: number[] = [];
  for (let i = 0; i < 500; i++) {
    plane.machine.store.edit(key, (object) => {
      object.status = { observedGeneration: i };
    });
    kept.push(plane.storage.revision() - plane.storage.compactedRevision());
  }
  expect([Math.max(...kept), Math.min(...kept.slice(300))]).toEqual([302, 300]);
});

describe('deletion', () => {
  test('an object without finalizers is gone at once; the answer says which it was', () => {
    const plane = plainPlane();
    const { json } = plane.send('create', pipeline('a'));
    const answer = plane.call({ verb: 'delete', name: 'a' });
    expect(answer.json).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'a', group: 'orasi.io', kind: 'pipelines', uid: meta(json).uid },
    });
    expect(plane.call({ verb: 'get', name: 'a' }).status).toBe(404);
  });

  test('finalizers hold it back until the last is removed; that answer keeps the old version', () => {
    const plane = plainPlane();
    plane.send('create', pipeline('a', {}, { finalizers: ['x.io/one', 'x.io/two'] }));
    const begun = plane.call({ verb: 'delete', name: 'a' });
    expect(begun.json).toMatchObject({
      metadata: {
        deletionTimestamp: '2026-11-21T00:00:00Z',
        deletionGracePeriodSeconds: 0,
        generation: 2,
        resourceVersion: '3',
      },
    });
    expect(meta(plane.call({ verb: 'delete', name: 'a' }).json).resourceVersion).toBe('3');
    expect(plane.send('patch', { metadata: { finalizers: ['x.io/two'] } }, { name: 'a' }).status).toBe(200);
    const last = plane.send('patch', { metadata: { finalizers: null } }, { name: 'a' });
    expect([last.status, meta(last.json).resourceVersion]).toEqual([200, '4']);
    expect(plane.call({ verb: 'get', name: 'a' }).status).toBe(404);
    expect(plane.storage.revision()).toBe(5);
  });

  test('an object being deleted takes no new finalizers and keeps its deletionTimestamp', () => {
    const plane = plainPlane();
    plane.send('create', pipeline('a', {}, { finalizers: ['x.io/one'] }));
    plane.call({ verb: 'delete', name: 'a' });
    const refused = plane.send('patch', { metadata: { finalizers: ['x.io/one', 'x.io/more'] } }, { name: 'a' });
    expect([refused.status, refused.json.message]).toEqual([
      422,
      expect.stringContaining('no new finalizers can be added'),
    ]);
    const revived = plane.send('patch', { metadata: { deletionTimestamp: null } }, { name: 'a' });
    expect(meta(revived.json).deletionTimestamp).toBeDefined();
  });

  test('preconditions on uid and version must hold', () => {
    const plane = plainPlane();
    const { json } = plane.send('create', pipeline('a'));
    for (const preconditions of [{ uid: 'wrong' }, { resourceVersion: '1' }]) {
      const refused = plane.send('delete', { preconditions }, { name: 'a' });
      expect([refused.status, refused.json.reason]).toEqual([409, 'Conflict']);
    }
    const { uid, resourceVersion } = meta(json);
    expect(plane.send('delete', { preconditions: { uid, resourceVersion } }, { name: 'a' }).status).toBe(200);
  });

  test('a collection is deleted by selector', () => {
    const plane = plainPlane();
    for (const name of ['a', 'b', 'c'])
      plane.send('create', pipeline(name, {}, { labels: { tier: name === 'c' ? 'keep' : 'drop' } }));
    const answer = plane.call({ verb: 'deletecollection', query: { labelSelector: 'tier=drop' } });
    expect((answer.json.items as { metadata: { name: string } }[]).map((item) => item.metadata.name)).toEqual([
      'a',
      'b',
    ]);
    expect((plane.call({ verb: 'list' }).json.items as unknown[]).length).toBe(1);
  });
});
