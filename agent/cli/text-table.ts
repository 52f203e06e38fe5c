import { stripVTControlCharacters } from 'node:util';

/** Rows as a table, numbers to the right; what is wider than `width` columns stays whole where `width` is undefined. */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly unknown[])[],
  width: number | undefined,
): { header: string; lines: string[] } {
  const cells = rows.map((row) => header.map((_, at) => cellText(row[at])));
  const titles = header.map(shown);
  const widths = titles.map((title, at) => Math.max(columnsOf(title), ...cells.map((row) => columnsOf(row[at])), 0));
  if (width !== undefined) shrink(widths, width - 2 * (widths.length - 1));
  const numeric = header.map((_, at) => rows.length > 0 && rows.every((row) => isNumber(row[at])));
  const line = (texts: readonly string[]) =>
    texts
      .map((text, at) => {
        const cut = fitted(text, widths[at]);
        const space = ' '.repeat(Math.max(0, widths[at] - columnsOf(cut)));
        return numeric[at] ? space + cut : cut + space;
      })
      .join('  ')
      .trimEnd();
  return { header: line(titles), lines: cells.map(line) };
}

const NARROWEST = 12;

/** Takes from the widest column until all fit, or until none is left to take from. */
function shrink(widths: number[], room: number): void {
  for (;;) {
    const over = widths.reduce((sum, each) => sum + each, 0) - room;
    if (over <= 0) return;
    const sorted = [...new Set(widths)].sort((left, right) => right - left);
    const widest = sorted[0];
    if (widest <= NARROWEST) return;
    const next = Math.max(sorted[1] ?? NARROWEST, NARROWEST);
    const at = widths.indexOf(widest);
    widths[at] = Math.max(Math.min(next, widest - 1), widest - over, NARROWEST);
  }
}

function isNumber(value: unknown): boolean {
  return value === null || typeof value === 'number' || typeof value === 'bigint';
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return shown(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** Text that cannot steer the terminal it is printed on: control characters are written out. */
export function shown(text: string): string {
  return stripVTControlCharacters(text).replace(
    /\p{Cc}/gu,
    (char) =>
      ({ '\n': '\\n', '\t': '\\t', '\r': '\\r' })[char] ??
      `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** Columns a text takes on a terminal: none for combining marks, two for the wide scripts and pictures. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const char of text) columns += columnsOfChar(char);
  return columns;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function columnsOfChar(char: string): number {
  if (char < '\u0300') return 1;
  if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}

function fitted(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let kept = '';
  let columns = 0;
  for (const char of text) {
    columns += columnsOfChar(char);
    if (columns > width - 1) break;
    kept += char;
  }
  return `${kept}…`;
}
