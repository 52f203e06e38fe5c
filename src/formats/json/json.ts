import type { FieldError } from '../../core/errors.ts';
import { ByteWindow } from '../byte-window.ts';
import type { Checkpoint, Decoded, DecodeRequest, Decoder, Format, FormatOptions } from '../format.ts';
import { RowOutput } from '../row-output.ts';
import { detectLayout, type JsonLayout } from './layout.ts';
import { decodeLines, type LinesState } from './lines.ts';
import { JsonRowParser } from './row.ts';
import { decodeValues, type ValuesState } from './values.ts';

/**
 * JSON (RFC 8259): an object a line, a list of objects, one document, or a GeoJSON feature collection.
 *
 * Options: `layout` is `auto` (the default), `lines`, or `values` for everything else; `auto` looks at
 * the beginning of the file.
 *
 * Fields are columns. Integers are exact at any size; other numbers are the nearest double unless the
 * column is declared decimal or string. Lists and objects within a row are `json` columns, their text
 * kept without white space. Of a key given twice the last value counts.
 */
export const jsonFormat: Format = {
  name: 'json',
  mediaTypes: [
    'application/json',
    'application/x-ndjson',
    'application/ndjson',
    'application/jsonl',
    'application/x-jsonlines',
    'application/geo+json',
    'text/json',
  ],
  extensions: ['.json', '.ndjson', '.jsonl', '.geojson'],

  sniff(head) {
    let at = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
    while (at < head.length && (head[at] === 32 || (head[at] >= 9 && head[at] <= 13))) at++;
    return head[at] === 123 || head[at] === 91;
  },

  checkOptions,

  async decode(request) {
    return new JsonDecoder(request);
  },
};

const LAYOUTS = ['auto', 'lines', 'values'];

function checkOptions(options: FormatOptions): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(options)) {
    if (name !== 'layout') errors.push({ path: name, message: 'json has no such option; it has layout' });
    else if (!LAYOUTS.includes(String(value)))
      errors.push({ path: name, message: `expected one of ${LAYOUTS.join(', ')}` });
  }
  return errors;
}

class JsonDecoder implements Decoder {
  readonly #request: DecodeRequest;
  readonly #output: RowOutput;
  #layout: JsonLayout | undefined;
  #window: ByteWindow | undefined;
  readonly #lines: LinesState = { line: 1 };
  readonly #values: ValuesState = { place: 'top', comma: false };

  constructor(request: DecodeRequest) {
    this.#request = request;
    this.#output = new RowOutput(request, 'instants');
    const asked = request.options.layout;
    if (asked === 'lines' || asked === 'values') this.#layout = asked;
    if (request.from !== undefined) this.#restore(request.from);
  }

  #restore({ state }: Checkpoint): void {
    if (state.layout === 'lines' || state.layout === 'values') this.#layout = state.layout;
    if (typeof state.line === 'number') this.#lines.line = state.line;
    const place = PLACES.find((name) => name === state.place);
    if (place !== undefined) this.#values.place = place;
    this.#values.comma = state.comma === true;
  }

  checkpoint(): Checkpoint {
    const offset = this.#window?.offset ?? this.#request.from?.offset ?? 0;
    const layout = this.#layout;
    const state =
      layout === undefined ? {} : layout === 'lines' ? { layout, ...this.#lines } : { layout, ...this.#values };
    return { offset, rows: this.#output.rows, state };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Decoded> {
    const { source, declared, from } = this.#request;
    const offset = from?.offset ?? 0;
    const window = new ByteWindow(await source.stream(offset), offset);
    this.#window = window;
    try {
      await window.fill();
      const { bytes, start } = window;
      if (
        offset === 0 &&
        bytes[start] === 0xef &&
        bytes[start + 1] === 0xbb &&
        bytes[start + 2] === 0xbf &&
        window.size >= 3
      ) {
        window.advance(start + 3);
      }
      const { limits } = this.#output;
      this.#layout ??= await detectLayout(window, limits.jsonDocumentBytes);
      const exact = declared.filter(({ type }) => type.kind === 'decimal' || type.kind === 'string');
      const parser = new JsonRowParser(this.#output.batch, new Set(exact.map(({ name }) => name)), limits.columns);
      if (this.#layout === 'lines') yield* decodeLines(window, parser, this.#output, this.#lines);
      else yield* decodeValues(window, parser, this.#output, this.#values);
    } finally {
      await window.cancel();
    }
  }
}

const PLACES = ['top', 'array', 'features', 'collection'] as const;
