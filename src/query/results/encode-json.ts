import type { Batch } from '../../columns/column.ts';
import { typeName } from '../../columns/types.ts';
import { type Answer, begun } from './answer.ts';
import { cellTexts, jsonText } from './value-text.ts';

const encoder = new TextEncoder();
/** Rows written at once. */
const CHUNK_ROWS = 1024;

/** `{"columns":[{name,type}],"rows":[[…]],"stats":{…}}`, piece by piece. */
export async function* encodeJson(answer: Answer): AsyncGenerator<Uint8Array> {
  const { batches } = await begun(answer);
  const columns = answer.schema.map(({ name, type }) => ({ name, type: typeName(type) }));
  yield encoder.encode(`{"columns":${JSON.stringify(columns)},"rows":[`);
  let separator = '\n';
  for await (const batch of batches) {
    const cells = batch.columns.map((column) => cellTexts(column, jsonText));
    for (const [start, end] of chunksOf(batch)) {
      const lines: string[] = [];
      for (let row = start; row < end; row++) lines.push(`[${cells.map((cell) => cell(row) ?? 'null').join(',')}]`);
      yield encoder.encode(separator + lines.join(',\n'));
      separator = ',\n';
    }
  }
  yield encoder.encode(`\n],"stats":${JSON.stringify(answer.stats())}}\n`);
}

/** A line a row: `{"name":value,…}`. */
export async function* encodeNdjson(answer: Answer): AsyncGenerator<Uint8Array> {
  const { batches } = answer;
  const names = answer.schema.map(({ name }) => `${JSON.stringify(name)}:`);
  for await (const batch of batches) {
    const cells = batch.columns.map((column) => cellTexts(column, jsonText));
    for (const [start, end] of chunksOf(batch)) {
      let text = '';
      for (let row = start; row < end; row++) {
        text += `{${cells.map((cell, i) => names[i] + (cell(row) ?? 'null')).join(',')}}\n`;
      }
      yield encoder.encode(text);
    }
  }
}

/** Half-open ranges of rows to write at once. */
export function* chunksOf(batch: Batch): Generator<readonly [number, number]> {
  for (let start = 0; start < batch.length; start += CHUNK_ROWS) {
    yield [start, Math.min(batch.length, start + CHUNK_ROWS)];
  }
}
