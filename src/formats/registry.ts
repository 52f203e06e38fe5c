import { arrowFormat } from './arrow/arrow.ts';
import { csvFormat } from './csv/csv.ts';
import { withDeclaredSchema } from './declared.ts';
import type { Format } from './format.ts';
import { jsonFormat } from './json/json.ts';
import { parquetFormat } from './parquet/parquet.ts';

/** Every format, in the order in which their `sniff` is asked: the ones with a magic first. */
export const FORMATS: readonly Format[] = [parquetFormat, arrowFormat, jsonFormat, csvFormat].map(withDeclaredSchema);

/** The format of a name; undefined where there is none. */
export function formatNamed(name: string): Format | undefined {
  return FORMATS.find((format) => format.name === name);
}
