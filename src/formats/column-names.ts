import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

/** Throws `malformed_input` where the name of a column, which is counted from 0, is longer than is taken. */
export function checkColumnName(name: string, column: number): void {
  const most = LIMITS.columnNameBytes;
  if (3 * name.length <= most || new TextEncoder().encode(name).length <= most) return;
  const begin = JSON.stringify(name.slice(0, 40)).slice(0, -1);
  throw new OrasiError('malformed_input', `the name of column ${column + 1}, ${begin}…", is longer than ${most} bytes`);
}

/** Unique column names from what a file calls its columns: trimmed; `column<i>` for an empty one; a name met again gets a number. Throws as `checkColumnName`. */
export function columnNames(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((given, i) => {
    checkColumnName(given, i);
    const wanted = given.trim() === '' ? `column${i}` : given.trim();
    let name = wanted;
    for (let n = 2; used.has(name); n++) name = `${wanted}_${n}`;
    used.add(name);
    return name;
  });
}
