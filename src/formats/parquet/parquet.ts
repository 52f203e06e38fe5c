import type { RangeReader } from '../../core/bytes.ts';
import type { FieldError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { FileMetadata } from '../../parquet/metadata.ts';
import { footerLength, readFileMetadata, TRAILER_BYTES } from '../../parquet/read-footer.ts';
import { ThriftReader } from '../../parquet/thrift.ts';
import { MAGIC_BYTES } from '../../parquet/write-footer.ts';
import type { Format, FormatOptions } from '../format.ts';
import { ParquetDecoder } from './decode.ts';

/** Read from a file's end at first; most footers are smaller. */
const FIRST_FOOTER_BYTES = 64 * 1024;

/**
 * Apache Parquet, every type and encoding that DuckDB reads.
 *
 * Nested columns become json, unsigned 64-bit integers decimal(20,0), times of day, UUIDs and intervals
 * string, half-precision numbers double. Option `binaryAsString` (default false): BYTE_ARRAY columns without
 * an annotation, as old writers left text, are string and not bytes.
 */
export const parquetFormat: Format = {
  name: 'parquet',
  mediaTypes: ['application/vnd.apache.parquet', 'application/x-parquet', 'application/parquet'],
  extensions: ['.parquet', '.parq'],

  sniff(head) {
    return head.length >= MAGIC_BYTES.length && MAGIC_BYTES.every((byte, i) => head[i] === byte);
  },

  checkOptions(options: FormatOptions): FieldError[] {
    const errors: FieldError[] = [];
    for (const [name, value] of Object.entries(options)) {
      if (name !== 'binaryAsString') errors.push({ path: name, message: 'parquet has no such option' });
      else if (typeof value !== 'boolean') errors.push({ path: name, message: 'expected true or false' });
    }
    return errors;
  },

  async decode({ source, options, from, limits }) {
    const metadata = await readFooter(source.ranges);
    return new ParquetDecoder(source.ranges, metadata, options.binaryAsString === true, { ...LIMITS, ...limits }, from);
  },
};

async function readFooter(reader: RangeReader): Promise<FileMetadata> {
  const guess = Math.min(reader.sizeBytes, FIRST_FOOTER_BYTES);
  let tail = await reader.read(reader.sizeBytes - guess, guess);
  const length = footerLength(tail, reader.sizeBytes);
  if (length > tail.length) tail = await reader.read(reader.sizeBytes - length, length);
  return readFileMetadata(new ThriftReader(tail.subarray(tail.length - length, tail.length - TRAILER_BYTES)));
}
