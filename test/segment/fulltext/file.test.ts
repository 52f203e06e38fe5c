import { crc32 } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { analyzerOf } from '../../../src/columns/text/analyzer.ts';
import { parseTextQuery } from '../../../src/columns/text/parse-query.ts';
import { memoryReader } from '../../../src/core/bytes.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { fulltext } from '../../../src/segment/fulltext/fulltext.ts';
import { seedCount, sized } from '../../scale.ts';
import { batchesOf, build, definitionOf, Zipf } from './corpus.ts';

vi.setConfig({ testTimeout: 600_000 });

const QUERIES = ['a OR b', '"common words"', 'wor*', 'comon~ -row7', 'row* OR "id3 of"'];
const TEXTS = Array.from({ length: 900 }, (_, i) => `row${i} of common words, id${i % 37} ${'common '.repeat(i % 5)}`);

async function answers(bytes: Uint8Array, summary: Awaited<ReturnType<typeof build>>['summary']): Promise<unknown[]> {
  const index = await fulltext.open(memoryReader(bytes), definitionOf(), summary);
  const found: unknown[] = [];
  for (const text of QUERIES) {
    const search = index.text!.search(parseTextQuery(text, analyzerOf({})), [[10, 20]]);
    const { rows, scores } = await search.score(await search.statistics(), 50);
    found.push([...rows], [...scores], [...(await search.rows())]);
  }
  return found;
}

describe('a damaged fulltext file', () => {
  test('is told apart from a good one, whatever bit of it changed', async () => {
    const random = seededRandom(1);
    const { bytes, summary } = await build(batchesOf(TEXTS));
    const good = await answers(bytes, summary);
    for (let i = 0; i < 60 * seedCount(2); i++) {
      const damaged = bytes.slice();
      damaged[Math.floor(random.next() * bytes.length)] ^= 1 << Math.floor(random.next() * 8);
      const outcome = await answers(damaged, summary).catch((error: unknown) => error);
      // A page that no query reads may be damaged without their notice.
      if (Array.isArray(outcome)) expect(outcome).toEqual(good);
      else expect(outcome).toMatchObject({ code: 'corrupt_file' });
    }
  });

  test('with checksums that agree is an error or an answer, never a crash, a hang or a row that is not there', async () => {
    const random = seededRandom(2);
    const { bytes, summary } = await build(batchesOf(TEXTS));
    for (let i = 0; i < 60 * seedCount(2); i++) {
      const hostile = bytes.slice();
      for (let left = 1 + Math.floor(random.next() * 3); left > 0; left--) {
        hostile[8 + Math.floor(random.next() * (bytes.length - 40 - 8))] = Math.floor(random.next() * 256);
      }
      sign(hostile);
      const outcome = await answers(hostile, summary).catch((error: unknown) => error);
      if (!Array.isArray(outcome)) expect(outcome).toBeInstanceOf(OrasiError);
      else
        for (const rows of outcome.filter((_, part) => part % 3 !== 1))
          expect(rows.every((row: number) => row >= 0 && row < TEXTS.length)).toBe(true);
    }
  });
});

/** Makes the checksums of an altered file right again, as an attacker would. */
function sign(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  const footer = bytes.length - 32;
  const offset = view.getUint32(footer, true);
  const length = view.getUint32(footer + 8, true);
  const pageBytes = view.getUint32(footer + 12, true);
  // The directory begins with the kind's name and the count of pages, one byte each for their lengths.
  const checksums = offset + 1 + bytes[offset] + 1;
  for (let page = 0; page * pageBytes < offset; page++) {
    const end = Math.min(offset, (page + 1) * pageBytes);
    if (checksums + page * 4 + 4 <= footer)
      view.setUint32(checksums + page * 4, crc32(bytes.subarray(page * pageBytes, end)), true);
  }
  view.setUint32(footer + 16, crc32(bytes.subarray(offset, offset + length + 16)), true);
}

describe('the cost of a full-text search', () => {
  test('is few reads a segment, known before they are made', async () => {
    const random = seededRandom(3);
    const zipf = new Zipf(random, 20_000);
    const texts = Array.from({ length: sized(30_000) }, () => zipf.text(8));
    const { index, text, reader, bytes } = await build(batchesOf(texts, 16_384));
    expect(reader.reads).toBe(1);
    expect(reader.bytes).toBeLessThan(bytes.length / 10);
    const word = () => zipf.words[Math.floor(random.next() ** 2 * 5000)];
    for (let i = 0; i < 60; i++) {
      const words = Array.from({ length: 1 + (i % 6) }, word);
      const asked = [words.join(' '), words.join(' OR '), `"${zipf.text(2)}"`, `${word().slice(0, 3)}*`, `${word()}~1`][
        i % 5
      ];
      reader.reads = 0;
      const search = text.search(parseTextQuery(asked, analyzerOf({})));
      await search.score(await search.statistics(), 10);
      expect(reader.reads, asked).toBeLessThanOrEqual(10);

      // The dictionary is part of the directory: an estimate reads it, and knows the rest.
      const estimate = await index.estimate({ op: 'match', field: 'text', query: asked });
      if (asked.startsWith('"')) continue;
      reader.reads = 0;
      const dictionary = await index.estimate({ op: 'match', field: 'text', query: asked }).then(() => reader.reads);
      reader.reads = 0;
      await index.lookup({ op: 'match', field: 'text', query: asked });
      expect(reader.reads - dictionary).toBe(estimate!.reads);
    }
  });

  test('of a term that the segment lacks is the look into its dictionary', async () => {
    const zipf = new Zipf(seededRandom(4), 20_000);
    const { text, reader } = await build(
      batchesOf(
        Array.from({ length: 20_000 }, () => zipf.text(8)),
        16_384,
      ),
    );
    for (const asked of ['nowhere7', `${zipf.words[0]} nowhere7`, `"${zipf.words[0]} nowhere7"`]) {
      reader.reads = 0;
      const search = text.search(parseTextQuery(asked, analyzerOf({})));
      expect((await search.score(await search.statistics(), 10)).rows.length).toBe(0);
      expect(reader.reads).toBeLessThanOrEqual(2);
    }
  });

  test('of a small segment is the one read that opens it', async () => {
    const { text, reader } = await build(batchesOf(TEXTS.slice(0, 200)));
    const search = text.search(parseTextQuery('common "of common" id3*', analyzerOf({})));
    await search.score(await search.statistics(), 10);
    expect(reader.reads).toBe(1);
  });
});

test('a fulltext index is opened only by the analyzer it was built by', async () => {
  const { bytes, summary } = await build(batchesOf(TEXTS));
  await expect(
    fulltext.open(memoryReader(bytes), definitionOf({ stemming: 'english' }), summary),
  ).rejects.toMatchObject({ code: 'corrupt_file' });
});

test('a fulltext index refuses what it can not hold', () => {
  const definition = definitionOf({ stemming: 'latin' });
  expect(fulltext.check(definition, []).map(({ path }) => path)).toEqual(['options.stemming']);
  expect(
    fulltext
      .check(definitionOf(), [{ name: 'text', type: { kind: 'double' }, nullable: true }])
      .map(({ path }) => path),
  ).toEqual(['fields[0]']);
  expect(fulltext.check({ ...definitionOf(), fields: [] }, []).map(({ path }) => path)).toEqual(['fields']);
});
