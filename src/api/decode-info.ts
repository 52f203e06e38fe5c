import { OrasiError } from '../core/errors.ts';
import { contentEncodings } from '../formats/compression.ts';
import { FORMATS, formatNamed } from '../formats/registry.ts';
import type { DecodeInfo } from '../storage/catalog-records.ts';

/** What a caller says of the bytes it sends. */
export interface StatedDecoding {
  readonly format?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
}

/** Compressions within one another that are undone. */
const NESTED_ENCODINGS = 2;

/** What may stand in a header's value, and beside others in the 8 KB of an object's metadata. */
const CONTENT_TYPE = /^[\x20-\x7e]{0,255}$/;

/**
 * How bytes are to be decoded, as far as their sender says so. `fieldOf` names a field as the sender knows it. Throws
 * `unsupported_format` or `bad_request` with the field at fault.
 */
export function decodeInfo(
  { format, contentType, contentEncoding }: StatedDecoding,
  fieldOf: (field: keyof StatedDecoding) => string,
): DecodeInfo {
  if (format !== undefined && formatNamed(format) === undefined) {
    const message = `expected one of ${FORMATS.map(({ name }) => name).join(', ')}`;
    throw fault('unsupported_format', fieldOf('format'), message);
  }
  if (contentType !== undefined && !CONTENT_TYPE.test(contentType)) {
    throw fault('bad_request', fieldOf('contentType'), 'expected at most 255 printable characters of ASCII');
  }
  const encoding = contentEncoding?.trim().toLowerCase() ?? '';
  const encodings = contentEncodings(encoding);
  if (encodings === undefined || encodings.length > NESTED_ENCODINGS) {
    throw fault('unsupported_format', fieldOf('contentEncoding'), 'expected gzip, zstd or nothing');
  }
  return {
    ...(format === undefined ? {} : { format }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(encodings.length === 0 ? {} : { contentEncoding: encodings.join(', ') }),
  };
}

function fault(code: 'bad_request' | 'unsupported_format', path: string, message: string): OrasiError {
  return new OrasiError(code, `${path}: ${message}`, { errors: [{ path, message }] });
}
