import { describe, expect, test } from 'vitest';
import { memoryReader, memorySink } from '../../../src/core/bytes.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { openSegment } from '../../../src/segment/read.ts';
import { createSegmentWriter } from '../../../src/segment/write.ts';
import { sized } from '../../scale.ts';
import { EVERY_TYPE, randomBatch, randomStyle } from '../../segment/sample-batches.ts';
import { mutate } from './mutations.ts';
import { corpus, readAll } from './read.ts';

/** Ten thousand of each at the size of the full suite. */
const MUTATIONS = sized(2000);
/** Far above what reading any of these files takes. */
const MOST_MS = 5_000;
/** Damaged lengths must not be believed: what is held on the way, garbage included, stays small. */
const MOST_HELD_BYTES = 600 * 1024 * 1024;

async function codeOf(read: () => Promise<unknown>): Promise<string> {
  const start = performance.now();
  let code = 'read';
  try {
    await read();
  } catch (error) {
    if (!(error instanceof OrasiError)) throw error;
    code = error.code;
  }
  expect(performance.now() - start).toBeLessThan(MOST_MS);
  return code;
}

describe('a damaged file', () => {
  const files = corpus().filter((file) => file.bytes().length < 80_000);

  test.skipIf(files.length === 0)(
    'is refused with a reason or read, whatever the damage',
    { timeout: 600_000 },
    async () => {
      const random = seededRandom(11);
      const before = process.memoryUsage().rss;
      const outcomes: Record<string, number> = {};
      for (let i = 0; i < MUTATIONS; i++) {
        const file = files[Math.floor(random.next() * files.length)];
        const damaged = mutate(file.bytes(), random);
        const code = await codeOf(() => readAll(damaged)).catch((error: unknown) => {
          throw new Error(`${file.name}, mutation ${i}`, { cause: error });
        });
        outcomes[code] = (outcomes[code] ?? 0) + 1;
      }
      expect(Object.keys(outcomes).sort()).toEqual(['malformed_input', 'read']);
      expect(process.memoryUsage().rss - before).toBeLessThan(MOST_HELD_BYTES);
    },
  );
});

describe('a damaged segment', () => {
  test('is called corrupt or read, whatever the damage', { timeout: 600_000 }, async () => {
    const random = seededRandom(12);
    const segments: Uint8Array[] = [];
    for (let i = 0; i < 6; i++) {
      const sink = memorySink();
      const styles = EVERY_TYPE.map(() => randomStyle(random));
      const writer = createSegmentWriter(sink, EVERY_TYPE, { rowGroupRows: 100, pageRows: 24 });
      await writer.write(randomBatch(EVERY_TYPE, 250, random, (column) => styles[column]));
      await writer.finish();
      segments.push(sink.bytes());
    }
    const names = EVERY_TYPE.map((field) => field.name);
    const outcomes: Record<string, number> = {};
    for (let i = 0; i < MUTATIONS; i++) {
      const damaged = mutate(segments[i % segments.length], random);
      const code = await codeOf(async () => {
        const segment = await openSegment(memoryReader(damaged));
        for (let group = 0; group < segment.rowGroups.length; group++) {
          for (const name of names) segment.pages(group, name);
          await segment.readColumns(group, names, Int32Array.of(3, 70, 130));
          await segment.readColumns(group, names);
        }
      }).catch((error: unknown) => {
        throw new Error(`mutation ${i}`, { cause: error });
      });
      outcomes[code] = (outcomes[code] ?? 0) + 1;
    }
    expect(Object.keys(outcomes).sort()).toEqual(['corrupt_file', 'read']);
  });
});
