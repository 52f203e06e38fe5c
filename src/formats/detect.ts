import { COMPRESSION_EXTENSIONS } from './compression.ts';
import type { Format, FormatOptions } from './format.ts';
import { FORMATS, formatNamed } from './registry.ts';

/** Bytes of an object's beginning that detection looks at. */
export const HEAD_BYTES = 4096;

/** What is known of an object beside its bytes. */
export interface DetectionHints {
  /** `?format=` or the pipeline's format; decides alone where given. */
  readonly format?: string | null;
  readonly contentType?: string | null;
  /** The object's name. */
  readonly name: string;
  /** The first bytes of the object, uncompressed. */
  readonly head: Uint8Array;
}

/** The format an object has. */
export interface Detection {
  readonly format: Format;
  /** What the hints say beyond the format; options given explicitly go before these. */
  readonly options: FormatOptions;
}

/** Media types and endings that mean JSON a line. */
const LINES = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonlines',
  '.ndjson',
  '.jsonl',
]);

/**
 * The format of an object: the one asked for, else by content type, then name, then first bytes.
 * Content types that say nothing (`application/octet-stream`, `text/plain`, a form's) are passed over.
 * Undefined where nothing tells, or an unknown format was asked for.
 */
export function detectFormat(hints: DetectionHints): Detection | undefined {
  const type = hints.contentType?.split(';', 1)[0].trim().toLowerCase() ?? '';
  const ending = endingOf(hints.name);
  const asked = hints.format ? formatNamed(hints.format) : undefined;
  if (hints.format && asked === undefined) return undefined;
  const format =
    asked ??
    FORMATS.find((candidate) => candidate.mediaTypes.includes(type)) ??
    FORMATS.find((candidate) => candidate.extensions.includes(ending)) ??
    FORMATS.find((candidate) => candidate.sniff(hints.head));
  if (format === undefined) return undefined;
  const options: FormatOptions =
    format.name === 'json' && (LINES.has(type) || LINES.has(ending))
      ? { layout: 'lines' }
      : format.name === 'csv' && (type === 'text/tab-separated-values' || ending === '.tsv')
        ? { delimiter: '\t' }
        : {};
  return { format, options };
}

/** The last ending of a name in lower case, with its dot, compression endings passed over; empty where there is none. */
function endingOf(name: string): string {
  const last = name.slice(name.lastIndexOf('/') + 1).toLowerCase();
  const dot = last.lastIndexOf('.');
  if (dot < 0) return '';
  const ending = last.slice(dot);
  return Object.hasOwn(COMPRESSION_EXTENSIONS, ending) ? endingOf(last.slice(0, dot)) : ending;
}
