import { describe, expect, test } from 'vitest';
import { DOUBLE, INT64, type Schema, STRING } from '../../src/columns/types.ts';
import { manualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import type { LedgerObject, NewSegment, RowRanges } from '../../src/storage/catalog-records.ts';
import { stagedSegment } from '../../src/storage/commit.ts';
import { segmentId } from '../../src/storage/layout.ts';
import type { NewObject } from '../../src/storage/ledger.ts';
import { createSqlDatabase, type SqlBinding } from '../../src/storage/sql.ts';

const UID = 'uid-1';
const LEASE = 60_000;
const NUMBERS: Schema = [{ name: 'n', type: INT64, nullable: false }];

/** The rules of the catalogue, over an engine whose migrations are applied and that is empty of this suite's namespaces. */
export function catalogSuite(engine: string, open: () => Promise<SqlBinding>): void {
  let worlds = 0;

  /** A catalogue with a namespace of its own, so that engines that are slow to make can be shared. */
  async function openWorld() {
    const clock = manualClock(1_700_000_000_000 + worlds * 1_000_000_000);
    const catalog = createCatalog(createSqlDatabase(await open()), clock, seededRandom(++worlds));
    const uid = `${UID}-${worlds}`;
    let objects = 0;

    async function newObject(name: string, more: Partial<NewObject> = {}): Promise<NewObject> {
      const dataset = more.dataset ?? 'd';
      return {
        namespaceUid: uid,
        namespace: 'default',
        objectId: (++objects).toString(16).padStart(32, '0'),
        datasetId: (await catalog.datasets.ensure(uid, dataset))!,
        dataset,
        name,
        key: `uploads/${uid}/${objects}`,
        etag: `etag-${objects}`,
        sizeBytes: 10,
        uploadedAtMs: clock.now(),
        decode: {},
        explicit: true,
        ...more,
      };
    }

    async function claimed(name: string, more: Partial<NewObject> = {}): Promise<LedgerObject> {
      clock.advance(1);
      const registration = await catalog.ledger.register(await newObject(name, more));
      const object = await catalog.ledger.claim({ namespaceUid: uid, objectId: registration!.object.objectId }, LEASE);
      return object!;
    }

    function segment(object: LedgerObject, rows: number, more: Partial<NewSegment> = {}): NewSegment {
      const id = segmentId(object.objectId, object.attempt, object.part, 0);
      return {
        segmentId: id,
        key: `segments/${uid}/${object.datasetId}/${id}.parquet`,
        etag: `e-${id}`,
        sizeBytes: 100,
        footerBytes: 10,
        rows,
        schema: NUMBERS,
        statistics: { n: { min: 1n, max: BigInt(rows), nullCount: 0 } },
        sources: [{ objectId: object.objectId, ranges: [[0, rows]] }],
        ...more,
      };
    }

    function commit(
      objects: LedgerObject[],
      segments: NewSegment[],
      more: { schema?: Schema; replace?: boolean } = {},
    ) {
      return catalog.commit({
        namespaceUid: uid,
        datasetId: objects[0].datasetId,
        objects: objects.map((token) => ({ token, format: 'json', rowsCommitted: 5, rowsQuarantined: 0 })),
        segments,
        schema: more.schema ?? NUMBERS,
        replace: more.replace ?? false,
      });
    }

    async function committed(name: string, rows: number, more: { replace?: boolean; uploadedAtMs?: number } = {}) {
      const object = await claimed(name, more.uploadedAtMs === undefined ? {} : { uploadedAtMs: more.uploadedAtMs });
      await commit([object], [segment(object, rows)], more);
      return object;
    }

    const snapshot = async (name = 'd') => (await catalog.snapshot(uid, [name]))[0];
    const rows = async (name = 'd') => (await catalog.datasets.get(uid, name))?.rows;
    return { clock, catalog, uid, newObject, claimed, segment, commit, committed, snapshot, rows };
  }

  describe(`the ledger on ${engine}`, () => {
    test('one version has one row, however often it is announced', async () => {
      const { catalog, newObject, uid } = await openWorld();
      const object = await newObject('a');
      const all = await Promise.all([1, 2, 3].map(() => catalog.ledger.register(object)));
      expect(all.map((registration) => registration!.fresh).sort()).toEqual([false, false, true]);
      expect((await catalog.ledger.list(uid, {}, 10)).items).toHaveLength(1);
    });

    test('one of two claimants gets the object, the other nothing until the lease has run out', async () => {
      const { catalog, clock, newObject, uid } = await openWorld();
      const { objectId } = await newObject('a').then(async (object) => (await catalog.ledger.register(object))!.object);
      const ref = { namespaceUid: uid, objectId };
      const both = await Promise.all([catalog.ledger.claim(ref, LEASE), catalog.ledger.claim(ref, LEASE)]);
      expect(both.filter((claim) => claim !== null)).toMatchObject([{ attempt: 1, state: 'processing' }]);
      clock.advance(LEASE - 1);
      expect(await catalog.ledger.claim(ref, LEASE)).toBeNull();
      clock.advance(1);
      expect(await catalog.ledger.claim(ref, LEASE)).toMatchObject({ attempt: 2, failures: 1 });
    });

    test('a renewed lease holds; a lost one cannot be renewed', async () => {
      const { catalog, clock, claimed, uid } = await openWorld();
      const object = await claimed('a');
      clock.advance(LEASE - 1);
      expect(await catalog.ledger.renew(object, LEASE)).toBe(true);
      clock.advance(LEASE);
      await catalog.ledger.claim({ namespaceUid: uid, objectId: object.objectId }, LEASE);
      expect(await catalog.ledger.renew(object, LEASE)).toBe(false);
    });

    test('parts handed over in order are one try; a part begun anew is another', async () => {
      const { catalog, claimed, uid } = await openWorld();
      const object = await claimed('a');
      const ref = { namespaceUid: uid, objectId: object.objectId };
      expect(await catalog.ledger.handOver(object, '{"at":1}', [])).toBe(true);
      const second = await catalog.ledger.claim(ref, LEASE);
      expect(second).toMatchObject({ attempt: 1, part: 1, checkpoint: '{"at":1}' });
      await catalog.ledger.release(second!, { code: 'unavailable', message: 'later' }, 0);
      expect(await catalog.ledger.claim(ref, LEASE)).toMatchObject({
        attempt: 2,
        part: 1,
        failures: 1,
        checkpoint: '{"at":1}',
      });
    });

    test('a stale claimant changes nothing: not by handing over, giving back, failing or committing', async () => {
      const { catalog, clock, claimed, segment, commit, uid, snapshot } = await openWorld();
      const stale = await claimed('a');
      clock.advance(LEASE);
      const current = await catalog.ledger.claim({ namespaceUid: uid, objectId: stale.objectId }, LEASE);
      const error = { code: 'internal', message: 'x' };
      const staged = { kind: 'segment' as const, key: 'k', record: stagedSegment(segment(stale, 5)) };
      expect(await catalog.ledger.handOver(stale, '{}', [staged])).toBe(false);
      expect(await catalog.ledger.release(stale, error, 0)).toBe(false);
      expect(
        await catalog.ledger.fail(stale, error, {
          quarantine: [{ ...staged, kind: 'quarantine', record: '{"rows":1}' }],
        }),
      ).toBe(false);
      expect(await commit([stale], [segment(stale, 5)])).toEqual({ committed: false });
      expect(await catalog.ledger.get(uid, stale.objectId)).toEqual(current);
      expect(await catalog.ledger.stagedFiles(uid, stale.objectId, 'segment')).toEqual([]);
      expect((await snapshot()).segments).toEqual([]);
    });

    test('an object given back is not due before its time', async () => {
      const { catalog, clock, claimed, uid } = await openWorld();
      const object = await claimed('a');
      await catalog.ledger.release(object, { code: 'unavailable', message: 'later' }, clock.now() + 5_000);
      const ref = { namespaceUid: uid, objectId: object.objectId };
      expect(await catalog.ledger.claim(ref, LEASE)).toBeNull();
      clock.advance(5_000);
      expect(await catalog.ledger.claim(ref, LEASE)).toMatchObject({ attempt: 2, failures: 1 });
    });

    test('a failed object keeps its reason and bad rows, and starts over when retried', async () => {
      const { catalog, claimed, uid } = await openWorld();
      const object = await claimed('a');
      await catalog.ledger.handOver(object, '{}', [{ kind: 'quarantine', key: 'q0', record: '{"rows":2}' }]);
      const ref = { namespaceUid: uid, objectId: object.objectId };
      const second = await catalog.ledger.claim(ref, LEASE);
      await catalog.ledger.fail(
        second!,
        { code: 'malformed_input', message: 'torn' },
        {
          format: 'csv',
          rowsQuarantined: 3,
          quarantine: [{ kind: 'quarantine', key: 'q1', record: '{"rows":1}' }],
        },
      );
      expect(await catalog.ledger.get(uid, object.objectId)).toMatchObject({
        state: 'failed',
        format: 'csv',
        rowsQuarantined: 3,
        error: { code: 'malformed_input', message: 'torn' },
        checkpoint: undefined,
      });
      expect(await catalog.ledger.quarantineFiles(uid, object.objectId)).toEqual(['q0', 'q1']);
      expect(await catalog.ledger.retry(uid, object.objectId)).toMatchObject({
        state: 'received',
        part: 0,
        error: undefined,
      });
      expect(await catalog.ledger.retry(uid, object.objectId)).toBeNull();
      expect(await catalog.ledger.claim(ref, LEASE)).toMatchObject({ attempt: 2, part: 0 });
    });

    test('only what nobody works on is abandoned', async () => {
      const { catalog, clock, claimed, uid } = await openWorld();
      const object = await claimed('a');
      const reason = { code: 'attempts_exhausted', message: 'gave up' };
      expect(await catalog.ledger.abandon(uid, object.objectId, reason)).toBe(false);
      clock.advance(LEASE);
      expect(await catalog.ledger.abandon(uid, object.objectId, reason)).toBe(true);
      expect(await catalog.ledger.get(uid, object.objectId)).toMatchObject({ state: 'failed', error: reason });
    });

    test('objects are listed page by page, by dataset and by state', async () => {
      const { catalog, claimed, newObject, uid } = await openWorld();
      for (let i = 0; i < 5; i++) await catalog.ledger.register(await newObject(`o${i}`));
      await claimed('other', { dataset: 'e', datasetId: (await catalog.datasets.ensure(uid, 'e'))! });
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await catalog.ledger.list(uid, {}, 2, cursor);
        expect(page.items.length).toBeLessThanOrEqual(2);
        seen.push(...page.items.map(({ name }) => name));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(seen.sort()).toEqual(['o0', 'o1', 'o2', 'o3', 'o4', 'other']);
      expect((await catalog.ledger.list(uid, { dataset: 'd' }, 10)).items).toHaveLength(5);
      expect((await catalog.ledger.list(uid, { state: 'processing' }, 10)).items.map(({ name }) => name)).toEqual([
        'other',
      ]);
      expect((await catalog.ledger.list(uid, { dataset: 'none' }, 10)).items).toEqual([]);
      await expect(catalog.ledger.list(uid, {}, 10, 'nonsense')).rejects.toMatchObject({ code: 'bad_request' });
    });

    test('what is overdue is taken once: waiting too long, due again, or held by the dead', async () => {
      const { catalog, clock, claimed, newObject, uid } = await openWorld();
      const fresh = async () =>
        (await catalog.ledger.takeOverdue(clock.now(), 1000)).filter((ref) => ref.namespaceUid === uid);
      await catalog.ledger.register(await newObject('waiting'));
      const dead = await claimed('dead');
      await claimed('alive').then((object) => catalog.ledger.renew(object, 10 * LEASE));
      const back = await claimed('back');
      await catalog.ledger.release(back, { code: 'unavailable', message: '' }, clock.now() + 2 * LEASE);
      clock.advance(LEASE);
      expect((await fresh()).map(({ objectId }) => objectId)).toEqual(expect.arrayContaining([dead.objectId]));
      expect(await fresh()).toEqual([]);
      clock.advance(LEASE + 1);
      expect((await fresh()).map(({ objectId }) => objectId)).toContain(back.objectId);
    });
  });

  describe(`a commit on ${engine}`, () => {
    test('shows the rows of an object with exact bounds, and its counts', async () => {
      const { catalog, claimed, segment, commit, snapshot, uid } = await openWorld();
      const object = await claimed('a');
      const outcome = await commit(
        [object],
        [segment(object, 5, { statistics: { n: { min: -(2n ** 63n), max: 2n ** 63n - 1n, nullCount: 0 } } })],
      );
      expect(outcome).toMatchObject({ committed: true, segmentIds: [`${object.objectId}-1-0-0`] });
      expect(await snapshot()).toMatchObject({
        name: 'd',
        schema: NUMBERS,
        schemaVersion: 1,
        segments: [
          { rows: 5, footerBytes: 10, masked: [], statistics: { n: { min: -(2n ** 63n), max: 2n ** 63n - 1n } } },
        ],
      });
      expect(await catalog.ledger.get(uid, object.objectId)).toMatchObject({
        state: 'committed',
        segments: 1,
        rowsCommitted: 5,
      });
      expect(await catalog.datasets.get(uid, 'd')).toMatchObject({ rows: 5, segments: 1, sizeBytes: 100 });
    });

    test('happens once: the same claimant cannot commit twice', async () => {
      const { claimed, segment, commit, snapshot } = await openWorld();
      const object = await claimed('a');
      expect(await commit([object], [segment(object, 5)])).toMatchObject({ committed: true });
      expect(await commit([object], [segment(object, 5, { segmentId: 'other' })])).toEqual({ committed: false });
      expect((await snapshot()).segments).toHaveLength(1);
    });

    test('of many objects takes all or none', async () => {
      const { catalog, clock, claimed, segment, commit, snapshot, uid } = await openWorld();
      const objects = [await claimed('a'), await claimed('b'), await claimed('c')];
      const shared = segment(objects[0], 9, {
        sources: objects.map(({ objectId }, i) => ({ objectId, ranges: [[3 * i, 3 * i + 3]] as RowRanges })),
      });
      clock.advance(LEASE);
      await catalog.ledger.claim({ namespaceUid: uid, objectId: objects[1].objectId }, LEASE);
      expect(await commit(objects, [shared])).toEqual({ committed: false });
      expect((await snapshot()).segments).toEqual([]);
      expect((await catalog.ledger.get(uid, objects[0].objectId))?.state).toBe('processing');
      expect(await commit([objects[0], objects[2]], [shared])).toMatchObject({ committed: true });
      expect(await catalog.ledger.get(uid, objects[2].objectId)).toMatchObject({ state: 'committed', segments: 1 });
    });

    test('adopts the files of earlier parts', async () => {
      const { catalog, claimed, segment, commit, snapshot, uid } = await openWorld();
      const first = await claimed('a');
      await catalog.ledger.handOver(first, '{}', [
        { kind: 'segment', key: 's0', record: stagedSegment(segment(first, 4)) },
        { kind: 'quarantine', key: 'q0', record: '{"rows":2}' },
      ]);
      expect((await snapshot()).segments).toEqual([]);
      const last = await catalog.ledger.claim({ namespaceUid: uid, objectId: first.objectId }, LEASE);
      const outcome = await commit([last!], [segment(last!, 3)]);
      expect(outcome).toMatchObject({ committed: true });
      expect(outcome.committed && [...outcome.segmentIds].sort()).toEqual([
        `${first.objectId}-1-0-0`,
        `${first.objectId}-1-1-0`,
      ]);
      expect((await snapshot()).segments.map(({ rows }) => rows).sort()).toEqual([3, 4]);
      expect(await catalog.ledger.get(uid, first.objectId)).toMatchObject({ segments: 2 });
      expect(await catalog.ledger.quarantineFiles(uid, first.objectId)).toEqual(['q0']);
      expect(await catalog.ledger.stagedFiles(uid, first.objectId, 'segment')).toEqual([]);
    });

    test('widens the schema of the dataset, whoever commits at the same time', async () => {
      const { claimed, segment, commit, snapshot } = await openWorld();
      const schemas: Schema[] = [
        [{ name: 'n', type: INT64, nullable: false }],
        [{ name: 'n', type: DOUBLE, nullable: false }],
        [{ name: 's', type: STRING, nullable: false }],
      ];
      const objects = [await claimed('a'), await claimed('b'), await claimed('c')];
      const outcomes = await Promise.all(
        objects.map((object, i) => commit([object], [segment(object, 1)], { schema: schemas[i] })),
      );
      expect(outcomes.every(({ committed }) => committed)).toBe(true);
      const { schema, schemaVersion } = await snapshot();
      expect([...schema].sort((a, b) => (a.name < b.name ? -1 : 1))).toMatchObject([
        { name: 'n', type: DOUBLE, nullable: true },
        { name: 's', type: STRING, nullable: true },
      ]);
      expect(schemaVersion).toBeGreaterThanOrEqual(2);
    });

    test('beyond the columns a dataset may have is refused', async () => {
      const { claimed, segment, commit } = await openWorld();
      const object = await claimed('a');
      const schema = Array.from({ length: 1001 }, (_, i) => ({ name: `c${i}`, type: INT64, nullable: true }));
      await expect(commit([object], [segment(object, 1)], { schema })).rejects.toMatchObject({ code: 'unprocessable' });
    });

    test('with many segments and long schemas fits the limits of the database', async () => {
      const { claimed, segment, commit, snapshot } = await openWorld();
      const object = await claimed('a');
      const schema = Array.from({ length: 500 }, (_, i) => ({
        name: `column_with_a_long_name_${i}`,
        type: STRING,
        nullable: true,
      }));
      const statistics = Object.fromEntries(
        schema.map(({ name }) => [name, { min: 'a'.repeat(64), max: 'z'.repeat(64), nullCount: 1 }]),
      );
      const segments = Array.from({ length: 30 }, (_, i) =>
        segment(object, 1, { segmentId: `${object.objectId}-1-0-${i}`, key: `k${i}`, schema, statistics }),
      );
      expect(await commit([object], segments, { schema })).toMatchObject({ committed: true });
      const read = await snapshot();
      expect(read.segments).toHaveLength(30);
      expect(read.segments[29].statistics).toEqual(statistics);
    });
  });

  describe(`versions on ${engine}`, () => {
    test('a later version appends, or replaces the rows of those before where asked', async () => {
      const { committed, rows } = await openWorld();
      await committed('a', 3);
      await committed('a', 4);
      expect(await rows()).toBe(7);
      await committed('a', 5, { replace: true });
      await committed('b', 2, { replace: true });
      expect(await rows()).toBe(7);
    });

    test('a version that comes late does not take the place of a later upload', async () => {
      const { catalog, clock, committed, rows, uid } = await openWorld();
      const uploaded = clock.now();
      await committed('a', 5, { replace: true, uploadedAtMs: uploaded + 10 });
      const late = await committed('a', 3, { replace: true, uploadedAtMs: uploaded + 5 });
      expect(await rows()).toBe(5);
      expect(await catalog.ledger.get(uid, late.objectId)).toMatchObject({
        state: 'committed',
        maskReason: 'replaced',
      });
    });

    test('both in one commit, the later upload wins', async () => {
      const { clock, claimed, segment, commit, snapshot, rows } = await openWorld();
      const later = await claimed('a', { uploadedAtMs: clock.now() + 10 });
      const earlier = await claimed('a', { uploadedAtMs: clock.now() + 5 });
      const shared = segment(later, 10, {
        sources: [
          { objectId: later.objectId, ranges: [[0, 4]] },
          { objectId: earlier.objectId, ranges: [[4, 10]] },
        ],
      });
      await commit([later, earlier], [shared], { replace: true });
      expect((await snapshot()).segments).toMatchObject([{ rows: 10, masked: [[4, 10]] }]);
      expect(await rows()).toBe(4);
    });

    test('a version replaced and uploaded again is the latest once more', async () => {
      const { catalog, clock, claimed, segment, commit, newObject, uid, rows } = await openWorld();
      const first = await newObject('a');
      const take = async (object: NewObject, count: number) => {
        const registration = await catalog.ledger.register(object);
        const claim = await catalog.ledger.claim({ namespaceUid: uid, objectId: registration!.object.objectId }, LEASE);
        if (claim !== null) await commit([claim], [segment(claim, count)], { replace: true });
        return registration!.fresh;
      };
      await take(first, 3);
      clock.advance(10);
      const second = await newObject('a');
      await take(second, 4);
      expect(await rows()).toBe(4);
      expect(await take({ ...first, explicit: false }, 3)).toBe(false);
      clock.advance(10);
      expect(await take({ ...first, uploadedAtMs: clock.now() }, 3)).toBe(true);
      expect(await rows()).toBe(3);
      expect((await claimed('z')).attempt).toBe(1);
    });
  });

  describe(`deletion on ${engine}`, () => {
    test('of an object masks its rows in a shared segment at once', async () => {
      const { catalog, claimed, segment, commit, snapshot, rows, uid } = await openWorld();
      const [a, b] = [await claimed('a'), await claimed('b')];
      const shared = segment(a, 10, {
        sources: [
          {
            objectId: a.objectId,
            ranges: [
              [0, 2],
              [6, 10],
            ],
          },
          { objectId: b.objectId, ranges: [[2, 6]] },
        ],
      });
      await commit([a, b], [shared]);
      expect(await catalog.ledger.mask(uid, a.objectId)).toBe(true);
      expect((await snapshot()).segments[0].masked).toEqual([
        [0, 2],
        [6, 10],
      ]);
      expect(await rows()).toBe(4);
      expect(await catalog.ledger.get(uid, a.objectId)).toBeNull();
      expect(await catalog.ledger.mask(uid, a.objectId)).toBe(false);
      await catalog.ledger.mask(uid, b.objectId);
      expect((await snapshot()).segments).toEqual([]);
      expect(await catalog.datasets.get(uid, 'd')).toMatchObject({ rows: 0, segments: 0 });
    });

    test('of an object on its way keeps it from committing', async () => {
      const { catalog, claimed, segment, commit, snapshot, uid } = await openWorld();
      const object = await claimed('a');
      await catalog.ledger.mask(uid, object.objectId);
      expect(await commit([object], [segment(object, 5)])).toEqual({ committed: false });
      expect((await snapshot()).segments).toEqual([]);
    });

    test('of an object stands against its being found again, not against its being given again', async () => {
      const { catalog, clock, committed, newObject, uid, rows } = await openWorld();
      const object = await committed('a', 5);
      await catalog.ledger.mask(uid, object.objectId);
      const again = { ...(await newObject('a')), objectId: object.objectId };
      expect(
        await catalog.ledger.register({ ...again, explicit: false, uploadedAtMs: object.uploadedAtMs }),
      ).toBeNull();
      expect(await rows()).toBe(0);
      clock.advance(10);
      expect(await catalog.ledger.register({ ...again, uploadedAtMs: clock.now() })).toMatchObject({ fresh: true });
      expect(await catalog.ledger.claim({ namespaceUid: uid, objectId: object.objectId }, LEASE)).toMatchObject({
        attempt: 2,
      });
    });

    test('of a dataset ends all its objects, and one made again under its name sees none of them', async () => {
      const { catalog, clock, claimed, committed, segment, commit, snapshot, newObject, rows, uid } = await openWorld();
      const done = await committed('a', 5);
      const underway = await claimed('b');
      const uploadedBefore = clock.now();
      clock.advance(10);
      expect(await catalog.datasets.delete(uid, 'd')).toBe(true);
      expect(await catalog.datasets.delete(uid, 'd')).toBe(false);
      expect(await commit([underway], [segment(underway, 5)])).toEqual({ committed: false });
      expect(await snapshot()).toBeUndefined();
      expect(await catalog.ledger.get(uid, done.objectId)).toBeNull();
      expect(await catalog.datasets.ensureFor(uid, 'd', uploadedBefore)).toBeNull();
      expect(await catalog.datasets.get(uid, 'd')).toBeNull();
      clock.advance(10);
      const found = await newObject('a', { explicit: false, uploadedAtMs: clock.now() });
      expect(await catalog.ledger.register(found)).toMatchObject({ fresh: true });
      expect(await rows()).toBe(0);
      const old = await newObject('c', { explicit: false, uploadedAtMs: uploadedBefore });
      expect(await catalog.ledger.register(old)).toBeNull();
    });
  });

  describe(`indexes on ${engine}`, () => {
    const byN = { name: 'by_n', kind: 'btree' as const, fields: ['n'], options: {} };
    const summary = { rows: 5, sizeBytes: 50, meta: { directory: 7 } };

    test('are wanted for old segments and new ones, until a file is published', async () => {
      const { catalog, committed, snapshot, uid } = await openWorld();
      const { datasetId } = await committed('a', 5);
      expect(await catalog.indexes.define(uid, datasetId, [byN])).toBe(true);
      expect(await catalog.indexes.define(uid, datasetId, [byN])).toBe(false);
      await committed('b', 5);
      const options = { maxFailures: 3, limit: 10 };
      const missing = await catalog.indexes.missing(uid, datasetId, options);
      expect(missing).toHaveLength(2);
      const [{ segment, generation, definition }] = missing;
      expect(definition).toEqual(byN);
      const file = { namespaceUid: uid, datasetId, segmentId: segment.segmentId, name: 'by_n', generation };
      expect(await catalog.indexes.publish(file, 'k1', summary)).toBe(true);
      expect(await catalog.indexes.publish(file, 'k2', summary)).toBe(false);
      expect(await catalog.indexes.missing(uid, datasetId, options)).toHaveLength(1);
      const seen = await snapshot();
      expect(seen.indexes).toEqual([byN]);
      expect(seen.segments.find(({ segmentId }) => segmentId === segment.segmentId)?.indexes).toEqual({
        by_n: { key: 'k1', generation, summary },
      });
      expect((await catalog.datasets.get(uid, 'd'))?.indexes).toMatchObject([{ segmentsIndexed: 1 }]);
      expect(await catalog.indexes.indexedDatasets(1000)).toContainEqual({ namespaceUid: uid, datasetId });
    });

    test('that are changed, dropped or rebuilt leave their files to collection, after the grace', async () => {
      const { catalog, clock, committed, snapshot, uid } = await openWorld();
      const { datasetId, objectId } = await committed('a', 5);
      const file = { namespaceUid: uid, datasetId, segmentId: `${objectId}-1-0-0`, name: 'by_n' };
      const publish = async (key: string) => {
        const [{ generation }] = await catalog.indexes.list(uid, datasetId);
        expect(await catalog.indexes.publish({ ...file, generation }, key, summary)).toBe(true);
        return generation;
      };
      await catalog.indexes.define(uid, datasetId, [byN]);
      const first = await publish('k1');
      await catalog.indexes.define(uid, datasetId, [{ ...byN, options: { unique: true } }]);
      expect((await snapshot()).segments[0].indexes).toEqual({});
      expect(await catalog.indexes.publish({ ...file, generation: first }, 'late', summary)).toBe(false);
      await publish('k2');
      await catalog.indexes.rebuild(uid, datasetId, 'by_n');
      await publish('k3');
      await catalog.indexes.define(uid, datasetId, []);
      await catalog.indexes.define(uid, datasetId, [byN]);
      expect((await snapshot()).segments[0].indexes).toEqual({});
      await publish('k4');
      expect(await catalog.collection.forgetIndexFiles(clock.now() - 1, 100)).not.toContain('k1');
      clock.advance(10);
      const forgotten = await catalog.collection.forgetIndexFiles(clock.now() - 1, 100);
      expect([...forgotten].sort()).toEqual(['k1', 'k2', 'k3']);
    });

    test('whose build keeps failing are not wanted any more, until they change', async () => {
      const { catalog, committed, uid } = await openWorld();
      const { datasetId, objectId } = await committed('a', 5);
      await catalog.indexes.define(uid, datasetId, [byN]);
      const file = { namespaceUid: uid, datasetId, segmentId: `${objectId}-1-0-0`, name: 'by_n', generation: 1 };
      for (let i = 0; i < 3; i++) await catalog.indexes.recordFailure(file, 'no such column');
      expect(await catalog.indexes.missing(uid, datasetId, { maxFailures: 3, limit: 10 })).toEqual([]);
      expect((await catalog.datasets.get(uid, 'd'))?.indexes).toMatchObject([{ segmentsFailed: 1 }]);
      await catalog.indexes.rebuild(uid, datasetId, 'by_n');
      expect(await catalog.indexes.missing(uid, datasetId, { maxFailures: 3, limit: 10 })).toMatchObject([
        { generation: 2, failures: 0 },
      ]);
    });
  });

  describe(`collection on ${engine}`, () => {
    test('finds files of ended attempts, and leaves those of running ones and of the catalogue', async () => {
      const { catalog, clock, claimed, committed, segment, uid } = await openWorld();
      const keyOf = (object: LedgerObject, attempt: number, part = 0) =>
        `segments/${uid}/${object.datasetId}/${object.objectId}-${attempt}-${part}-0.parquet`;
      const done = await committed('a', 5);
      const retaken = await claimed('b');
      clock.advance(LEASE);
      await catalog.ledger.claim({ namespaceUid: uid, objectId: retaken.objectId }, LEASE);
      const staged = await claimed('c');
      await catalog.ledger.handOver(staged, '{}', [
        { kind: 'segment', key: keyOf(staged, 1), record: stagedSegment(segment(staged, 1)) },
      ]);
      const failed = await claimed('d');
      await catalog.ledger.fail(failed, { code: 'malformed_input', message: '' });
      const keys = [
        keyOf(done, 1),
        keyOf(retaken, 1),
        keyOf(retaken, 2),
        keyOf(staged, 1),
        keyOf(failed, 1),
        `segments/${uid}/nobody/${'f'.repeat(32)}-1-0-0.parquet`,
        `segments/${uid}/not-ours.txt`,
      ];
      expect(await catalog.collection.unreferenced(keys)).toEqual([keys[1], keys[4], keys[5]]);
    });

    test('forgets dead segments after the grace, with their index files', async () => {
      const { catalog, clock, committed, uid } = await openWorld();
      const { objectId, datasetId } = await committed('a', 5);
      await catalog.indexes.define(uid, datasetId, [{ name: 'i', kind: 'btree', fields: ['n'], options: {} }]);
      const file = { namespaceUid: uid, datasetId, segmentId: `${objectId}-1-0-0`, name: 'i', generation: 1 };
      const indexFile = `indexes/${uid}/${datasetId}/${objectId}-1-0-0/i-1.index`;
      await catalog.indexes.publish(file, indexFile, { rows: 5, sizeBytes: 1, meta: {} });
      expect(await catalog.collection.unreferencedIndexFiles([indexFile, `${indexFile}x`])).toEqual([`${indexFile}x`]);
      await catalog.ledger.mask(uid, objectId);
      const forget = async () => {
        const keys = await catalog.collection.forgetDeadSegments(clock.now(), 1000);
        return keys.filter((key) => key.includes(uid));
      };
      expect(await forget()).toEqual([]);
      clock.advance(1);
      const forgotten = await forget();
      expect([...forgotten].sort()).toEqual([indexFile, `segments/${uid}/${datasetId}/${objectId}-1-0-0.parquet`]);
      expect(await catalog.collection.unreferencedIndexFiles([indexFile])).toEqual([indexFile]);
    });

    test('clears a deleted dataset some at a time, to the last segment', async () => {
      const { catalog, clock, committed, claimed, uid } = await openWorld();
      for (let i = 0; i < 5; i++) await committed(`o${i}`, 1);
      const underway = await claimed('underway');
      await catalog.datasets.delete(uid, 'd');
      const ref = { namespaceUid: uid, objectId: underway.objectId };
      expect(await catalog.ledger.known([ref])).toEqual(
        new Map([[underway.objectId, expect.objectContaining({ maskReason: 'dataset_deleted' })]]),
      );
      clock.advance(2 * LEASE);
      expect(
        (await catalog.ledger.takeOverdue(clock.now(), 1000)).filter(({ namespaceUid }) => namespaceUid === uid),
      ).toEqual([]);
      expect(await catalog.ledger.claim(ref, LEASE)).toBeNull();
      let rounds = 0;
      while (await catalog.collection.clearDeletedDataset(clock.now(), 2)) expect(++rounds).toBeLessThan(1000);
      expect(rounds).toBeGreaterThanOrEqual(4);
      clock.advance(1);
      const keys = await catalog.collection.forgetDeadSegments(clock.now(), 1000);
      expect(keys.filter((key) => key.includes(uid))).toHaveLength(5);
    });

    test('erases a namespace some rows at a time, and no other', async () => {
      const { catalog, committed, uid } = await openWorld();
      const other = await openWorld();
      await other.committed('kept', 1);
      for (let i = 0; i < 5; i++) await committed(`o${i}`, 1);
      let rounds = 0;
      while (!(await catalog.collection.eraseNamespace(uid, 2))) rounds++;
      expect(rounds).toBeGreaterThan(2);
      expect((await catalog.datasets.list(uid, 10)).items).toEqual([]);
      expect(await other.rows()).toBe(1);
    });

    test('lets nothing begin in a namespace that is closed', async () => {
      const { catalog, uid } = await openWorld();
      await catalog.datasets.ensure(uid, 'present');
      await catalog.collection.closeNamespace(uid);
      await catalog.collection.closeNamespace(uid);
      expect(await catalog.datasets.ensure(uid, 'new')).toBeNull();
      expect(await catalog.datasets.ensureFor(uid, 'new', 0)).toBeNull();
      expect(await catalog.datasets.ensure(uid, 'present')).not.toBeNull();
      const upload = { namespaceUid: uid, namespace: 'default', uploadId: 'u', dataset: 'd', name: 'n' };
      const stored = { key: 'k', storageUploadId: 's', partBytes: 1, decode: {} };
      expect(await catalog.uploads.create({ ...upload, ...stored })).toBe(false);
      expect(await catalog.uploads.create({ ...upload, ...stored, namespaceUid: `${uid}-other` })).toBe(true);
    });

    test('remembers where a walk came to', async () => {
      const { catalog, uid } = await openWorld();
      expect(await catalog.collection.readCursor(uid)).toBeUndefined();
      await catalog.collection.writeCursor(uid, 'a');
      await catalog.collection.writeCursor(uid, 'b');
      expect(await catalog.collection.readCursor(uid)).toBe('b');
      await catalog.collection.writeCursor(uid, undefined);
      expect(await catalog.collection.readCursor(uid)).toBeUndefined();
    });
  });
}
