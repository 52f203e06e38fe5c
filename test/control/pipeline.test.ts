import { describe, expect, test } from 'vitest';
import { findCondition } from '../../src/control/conditions.ts';
import { PIPELINES, pipeline, plainPlane } from './fixture.ts';

function conditions(plane: ReturnType<typeof plainPlane>, name: string) {
  const { status } = plane.call({ verb: 'get', name }).json;
  return Object.fromEntries(
    ['Accepted', 'Conflicted', 'IndexesAccepted'].map((type) => {
      const condition = findCondition(status, type);
      return [type, condition === undefined ? undefined : `${condition.status} ${condition.reason}`];
    }),
  );
}
const inForce = (plane: ReturnType<typeof plainPlane>) =>
  plane.machine.pipelines('default').pipelines.map(({ name }) => name);

test('a pipeline is in force from the moment its creation is answered, defaults filled in', () => {
  const plane = plainPlane();
  plane.send(
    'create',
    pipeline('orders', {
      schema: [
        { name: 'id', type: 'int64', required: true },
        { name: 'at', type: 'timestamp', default: '2026-01-01T00:00:00Z' },
      ],
    }),
  );
  expect(plane.machine.pipelines('default').pipelines).toEqual([
    {
      name: 'orders',
      spec: {
        dataset: 'orders',
        sourcePrefix: '',
        format: null,
        formatOptions: {},
        schema: [
          { name: 'id', type: 'int64', required: true, default: null },
          { name: 'at', type: 'timestamp', required: false, default: '2026-01-01T00:00:00Z' },
        ],
        additionalColumns: true,
        sortKey: [],
        versions: 'append',
        indexes: [],
      },
    },
  ]);
});

test('the version of the snapshot moves with what pipelines declare, in their namespace, and with nothing else', async () => {
  const plane = plainPlane();
  const version = () => plane.machine.pipelines('default').version;
  const seen = [version()];
  plane.send('create', pipeline('a'));
  seen.push(version());
  await plane.settle();
  plane.send(
    'create',
    { metadata: { name: 'team' } },
    { group: '', version: 'v1', resource: 'namespaces', namespace: null },
  );
  plane.send('create', pipeline('a'), { namespace: 'team' });
  seen.push(version());
  plane.call({ verb: 'delete', name: 'a' });
  seen.push(version());
  expect(seen[0]).toBe(0);
  expect(seen[1]).toBe(2);
  expect(seen[2]).toBe(seen[1]);
  expect(seen[3]).toBeGreaterThan(seen[2]);
});

describe('of two pipelines over the same dataset and prefix', () => {
  test('the oldest is in force, the other says whom it conflicts with', async () => {
    const plane = plainPlane();
    // Within the same second, and against the order of names.
    plane.send('create', pipeline('z-first', { dataset: 'd' }));
    plane.send('create', pipeline('a-second', { dataset: 'd' }));
    await plane.settle();
    expect(inForce(plane)).toEqual(['z-first']);
    expect(conditions(plane, 'z-first')).toEqual({
      Accepted: 'True Accepted',
      Conflicted: 'False NoConflict',
      IndexesAccepted: 'True Accepted',
    });
    expect(conditions(plane, 'a-second')).toMatchObject({
      Accepted: 'False Conflicted',
      Conflicted: 'True OlderPipeline',
    });
    const { status } = plane.call({ verb: 'get', name: 'a-second' }).json;
    expect(findCondition(status, 'Accepted')?.message).toBe(
      'pipeline "z-first" is older and has the same dataset and prefix',
    );
  });

  test('the other takes over when the oldest goes or gives way', async () => {
    for (const yields of [
      (plane: ReturnType<typeof plainPlane>) => plane.call({ verb: 'delete', name: 'first' }),
      (plane: ReturnType<typeof plainPlane>) =>
        plane.send('patch', { spec: { sourcePrefix: 'elsewhere/' } }, { name: 'first' }),
    ]) {
      const plane = plainPlane();
      plane.send('create', pipeline('first', { dataset: 'd' }));
      plane.send('create', pipeline('second', { dataset: 'd' }));
      await plane.settle();
      yields(plane);
      expect(inForce(plane)).toContain('second');
      await plane.settle();
      expect(conditions(plane, 'second')).toMatchObject({ Accepted: 'True Accepted', Conflicted: 'False NoConflict' });
    }
  });

  test('another prefix, dataset or namespace is no conflict', async () => {
    const plane = plainPlane();
    plane.send('create', pipeline('a', { dataset: 'd' }));
    plane.send('create', pipeline('b', { dataset: 'd', sourcePrefix: 'b/' }));
    plane.send('create', pipeline('c', { dataset: 'e' }));
    expect(inForce(plane)).toEqual(['a', 'b', 'c']);
  });

  test('one that is being deleted is out of force and in nobody’s way', () => {
    const plane = plainPlane();
    plane.send('create', pipeline('first', { dataset: 'd' }, { finalizers: ['x.io/slow'] }));
    plane.send('create', pipeline('second', { dataset: 'd' }));
    plane.call({ verb: 'delete', name: 'first' });
    expect(inForce(plane)).toEqual(['second']);
  });
});

describe('indexes', () => {
  const index = (name: string, kind: string, field = 'x') => ({ name, kind, fields: [field] });

  test('of a kind that cannot be built yet are left out, and the pipeline is in force without them', async () => {
    const plane = plainPlane();
    plane.send(
      'create',
      pipeline('a', {
        indexes: [index('b', 'btree'), index('h', 'hash'), index('f', 'fulltext'), index('s', 'spatial')],
      }),
    );
    await plane.settle();
    expect(plane.machine.pipelines('default').pipelines[0].spec.indexes.map(({ name }) => name)).toEqual(['b', 'f']);
    expect(conditions(plane, 'a')).toMatchObject({
      Accepted: 'True Accepted',
      IndexesAccepted: 'False UnsupportedKind',
    });
    plane.send('patch', { spec: { indexes: [index('b', 'btree')] } }, { name: 'a' });
    await plane.settle();
    expect(conditions(plane, 'a')).toMatchObject({ IndexesAccepted: 'True Accepted' });
  });

  test('of one dataset under one name are the oldest pipeline’s; the same definition twice is fine', async () => {
    const plane = plainPlane();
    plane.send('create', pipeline('a', { dataset: 'd', indexes: [index('i', 'btree'), index('j', 'btree')] }));
    plane.send(
      'create',
      pipeline('b', { dataset: 'd', sourcePrefix: 'b/', indexes: [index('i', 'btree', 'y'), index('j', 'btree')] }),
    );
    await plane.settle();
    const [, b] = plane.machine.pipelines('default').pipelines;
    expect(b.spec.indexes.map(({ name }) => name)).toEqual(['j']);
    expect(conditions(plane, 'b')).toMatchObject({ Accepted: 'True Accepted', IndexesAccepted: 'False NameTaken' });
  });
});

test('status is written on transitions only', async () => {
  const plane = plainPlane();
  plane.send('create', pipeline('a'));
  await plane.settle();
  const revision = plane.storage.revision();
  for (let i = 0; i < 3; i++) {
    plane.storage.addWork('reconcile:orasi.io/pipelines/default/a', 0);
    plane.clock.advance(60_000);
    await plane.settle();
  }
  expect(plane.storage.revision()).toBe(revision);
});

test('conditions speak of the generation they were made for', async () => {
  const plane = plainPlane();
  plane.send('create', pipeline('a'));
  await plane.settle();
  plane.clock.advance(60_000);
  plane.send('patch', { spec: { versions: 'replace' } }, { name: 'a' });
  await plane.settle();
  const { json } = plane.call({ verb: 'get', name: 'a' });
  expect(json.status).toMatchObject({ observedGeneration: 2 });
  expect(findCondition(json.status, 'Accepted')).toMatchObject({
    observedGeneration: 2,
    lastTransitionTime: '2026-11-21T00:00:00Z',
  });
});

test('kubectl’s table shows what a pipeline is and whether it is accepted', async () => {
  const plane = plainPlane();
  plane.send('create', pipeline('orders', { format: 'csv' }));
  await plane.settle();
  plane.clock.advance(61_000);
  const { json } = plane.call({ verb: 'list', representation: 'table' });
  expect(json).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: '3' } });
  const columns = (json.columnDefinitions as { name: string; priority: number }[]).map(
    ({ name, priority }) => `${name}${priority}`,
  );
  expect(columns).toEqual(['Name0', 'Dataset0', 'Prefix1', 'Format0', 'Accepted0', 'Reason1', 'Age0']);
  const [row] = json.rows as { cells: unknown[]; object: { kind: string; spec?: unknown } }[];
  expect(row.cells).toEqual(['orders', 'orders', '', 'csv', 'True', 'Accepted', '61s']);
  expect([row.object.kind, row.object.spec]).toEqual(['PartialObjectMetadata', undefined]);
  const whole = plane.call({ verb: 'list', representation: 'table', query: { includeObject: 'Object' } }).json;
  expect((whole.rows as { object: { kind: string } }[])[0].object.kind).toBe('Pipeline');
});

test('options are checked by the format they are for', () => {
  const plane = plainPlane();
  const { json } = plane.send('create', pipeline('a', { format: 'json', formatOptions: { noSuchOption: 1 } }));
  expect(json).toMatchObject({ code: 422, details: { causes: [{ field: 'spec.formatOptions.noSuchOption' }] } });
});

test('a call names its resource in full', () => {
  expect(PIPELINES).toMatchObject({ group: 'orasi.io', version: 'v1alpha1', resource: 'pipelines' });
});
