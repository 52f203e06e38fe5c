/** Rows of text as a table with a rule below the header; numbers to the right. Fits a terminal of `width` columns. */
export function textTable(header: readonly string[], rows: readonly (readonly unknown[])[], width = 110): string {
  const cells = rows.map((row) => row.map((value) => cellText(value)));
  const widths = header.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i].length)));
  const widest = Math.max(12, width - widths.reduce((sum, each) => sum + each + 2, 0) + Math.max(...widths));
  const bounded = widths.map((each) => Math.min(each, widest));
  const numeric = header.map((_, i) => rows.every((row) => typeof row[i] === 'number' || row[i] === null));
  const line = (row: readonly string[]) =>
    row
      .map((text, i) => {
        const cut = text.length > bounded[i] ? `${text.slice(0, bounded[i] - 1)}…` : text;
        return numeric[i] ? cut.padStart(bounded[i]) : cut.padEnd(bounded[i]);
      })
      .join('  ')
      .trimEnd();
  return [line(header), bounded.map((each) => '─'.repeat(each)).join('  '), ...cells.map(line)].join('\n');
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '·';
  if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(3);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
