import { type Answer, begun } from './answer.ts';
import { chunksOf } from './encode-json.ts';
import { cellTexts, plainText } from './value-text.ts';

const encoder = new TextEncoder();

/**
 * Comma-separated values (RFC 4180) with a header and CRLF. Null is an empty field; an empty text is a quoted
 * one, so that the two stay apart.
 */
export async function* encodeCsv(answer: Answer): AsyncGenerator<Uint8Array> {
  const { batches } = await begun(answer);
  yield encoder.encode(`${answer.schema.map(({ name }) => field(name)).join(',')}\r\n`);
  for await (const batch of batches) {
    const cells = batch.columns.map((column) => cellTexts(column, (value, type) => field(plainText(value, type))));
    for (const [start, end] of chunksOf(batch)) {
      let text = '';
      for (let row = start; row < end; row++) text += `${cells.map((cell) => cell(row) ?? '').join(',')}\r\n`;
      yield encoder.encode(text);
    }
  }
}

function field(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
