import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type Scalar, scalarAt } from '../../../src/columns/column.ts';
import { conformBatch } from '../../../src/columns/conform.ts';
import { mergeSchemas, type Schema } from '../../../src/columns/types.ts';
import { memoryReader, type RangeReader } from '../../../src/core/bytes.ts';
import type { BadRow, Checkpoint, DecodeLimits, FormatOptions } from '../../../src/formats/format.ts';
import { parquetFormat } from '../../../src/formats/parquet/parquet.ts';

export interface ReadOptions {
  readonly options?: FormatOptions;
  readonly limits?: Partial<DecodeLimits>;
  readonly from?: Checkpoint;
}

export function decode(reader: RangeReader, { options = {}, limits, from }: ReadOptions = {}) {
  const source = {
    sizeBytes: reader.sizeBytes,
    ranges: reader,
    stream: () => Promise.reject(new Error('a Parquet file is read by ranges')),
  };
  return parquetFormat.decode({
    source,
    options,
    declared: [],
    ...(limits === undefined ? {} : { limits }),
    ...(from === undefined ? {} : { from }),
  });
}

/** All rows of a file, in the schema that holds every batch. */
export async function readAll(bytes: Uint8Array, options: ReadOptions = {}) {
  const batches = [];
  const bad: BadRow[] = [];
  for await (const decoded of await decode(memoryReader(bytes), options)) {
    bad.push(...decoded.bad);
    if (decoded.batch !== null) batches.push(decoded.batch);
  }
  const schema: Schema = batches.length === 0 ? [] : batches.map((batch) => batch.schema).reduce(mergeSchemas);
  const rows: Scalar[][] = [];
  for (const part of batches) {
    const batch = conformBatch(part, schema);
    for (let row = 0; row < batch.length; row++) rows.push(batch.columns.map((column) => scalarAt(column, row)));
  }
  return { schema, rows, bad, batches };
}

const CORPUS = '../shared/data/parquet';

/** Files of the conformance corpus; none, said aloud, where it is not there. */
export function corpus(folder = CORPUS): { name: string; path: string; bytes: () => Uint8Array }[] {
  if (!existsSync(folder)) {
    console.warn(`skipped: the corpus ${folder} is not here`);
    return [];
  }
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
    .map(({ name }) => ({
      name,
      path: `${folder}/${name}`,
      bytes: () => new Uint8Array(readFileSync(`${folder}/${name}`)),
    }));
}
