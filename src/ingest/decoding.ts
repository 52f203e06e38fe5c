import { parseScalar } from '../columns/text.ts';
import { parseTypeName } from '../columns/types.ts';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { PipelineColumn, PipelineSpec } from '../core/protocol/pipeline.ts';
import { type Compression, compressionOf, contentEncodings, decompress } from '../formats/compression.ts';
import { detectFormat, HEAD_BYTES } from '../formats/detect.ts';
import type { DeclaredField, Decoder, DecodeSource, Format } from '../formats/format.ts';
import { formatNamed } from '../formats/registry.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import type { DecodeCheckpoint } from './checkpoint.ts';

type FormatOptions = Readonly<Record<string, string | number | boolean>>;

/** How an object's bytes become rows, settled once and kept for all its parts. */
export interface Decoding {
  readonly format: Format;
  readonly options: FormatOptions;
}

/** The first bytes of a source, by which its format and compression are told. */
export async function readHead(source: DecodeSource): Promise<Uint8Array> {
  return await source.ranges.read(0, Math.min(HEAD_BYTES, source.sizeBytes));
}

/** The format and options of an object whose uncompressed bytes begin so. Throws `unsupported_format` or `bad_request`. */
export function settleDecoding(object: LedgerObject, pipeline: PipelineSpec, head: Uint8Array): Decoding {
  const asked = object.decode.format ?? pipeline.format;
  const found = detectFormat({ format: asked, contentType: object.decode.contentType, name: object.name, head });
  if (found === undefined) {
    throw new OrasiError(
      'unsupported_format',
      asked === null || asked === undefined
        ? 'neither content type, name nor first bytes tell the format'
        : `there is no format "${asked}"`,
    );
  }
  const options = { ...found.options, ...pipeline.formatOptions, ...object.decode.options };
  const faults = found.format.checkOptions(options);
  if (faults.length > 0) {
    const texts = faults.map(({ path, message }) => `${path}: ${message}`);
    throw new OrasiError('bad_request', `the format's options are not valid: ${texts.join('; ')}`, { errors: faults });
  }
  return { format: found.format, options };
}

/** A decoder at the beginning, or where an earlier part ended. No batch is larger than a part. */
export async function openDecoder(
  { format, options }: Decoding,
  pipeline: PipelineSpec,
  source: DecodeSource,
  progress: DecodeCheckpoint['progress'],
  partBytes: number,
): Promise<Decoder> {
  return await format.decode({
    source,
    options,
    declared: pipeline.schema.map(declaredField),
    additionalColumns: pipeline.additionalColumns,
    from: progress?.decoder,
    limits: { batchBytes: Math.min(LIMITS.batchBytes, partBytes) },
  });
}

/** The decoding an earlier part settled on. */
export function settledDecoding(progress: NonNullable<DecodeCheckpoint['progress']>): Decoding {
  const format = formatNamed(progress.format);
  if (format === undefined)
    throw new OrasiError('unsupported_format', `there is no format "${progress.format}" any more`);
  return { format, options: progress.options };
}

function declaredField(column: PipelineColumn): DeclaredField {
  const type = parseTypeName(column.type);
  if (type === undefined) throw new OrasiError('bad_request', `column ${column.name} has no such type: ${column.type}`);
  const field = { name: column.name, type, nullable: !column.required };
  if (column.default === null) return field;
  const value = parseScalar(column.default, type);
  if (value === undefined) {
    throw new OrasiError('bad_request', `the default of column ${column.name} is no ${column.type}: ${column.default}`);
  }
  return { ...field, default: value };
}

/**
 * The compressions to undo, in that order, by the bytes themselves: uploaders set `Content-Encoding` on files that
 * are compressed once and named so, and on files that are compressed once more. Throws where the header names an
 * unknown one, or promises what is not there.
 */
export async function compressionOfObject(
  object: LedgerObject,
  source: DecodeSource,
  head: Uint8Array,
): Promise<Compression[]> {
  const { contentEncoding } = object.decode;
  const promised = contentEncoding === undefined ? [] : contentEncodings(contentEncoding);
  if (promised === undefined) {
    throw new OrasiError(
      'unsupported_format',
      `Content-Encoding "${contentEncoding}" is not supported; gzip and zstd are`,
    );
  }
  const outer = compressionOf(head);
  if (outer === undefined) {
    if (promised.length === 0 || source.sizeBytes === 0) return [];
    throw new OrasiError('malformed_input', `Content-Encoding says ${promised.join(', ')}, but the bytes are not`);
  }
  const inner = compressionOf(await firstBytes(decompress(await source.stream(0), outer)));
  return inner === undefined ? [outer] : [outer, inner];
}

async function firstBytes(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  for await (const chunk of stream) if (chunk.length > 0) return chunk;
  return new Uint8Array(0);
}
