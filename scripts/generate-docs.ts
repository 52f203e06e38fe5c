/**
 * Writes the pages of docs/ that are made from the code: errors.md and limits.md. With `--check` it writes nothing
 * and fails where a page is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../src/core/errors.ts';
import { LIMITS } from '../src/core/limits.ts';

const at = (path: string) => join(import.meta.dirname, '..', path);

/** The sentence above each limit in its source, by name. */
function limitReasons(): Map<string, string> {
  const source = readFileSync(at('src/core/limits.ts'), 'utf8').split('export const LIMITS')[1];
  const reasons = new Map<string, string>();
  for (const match of source.matchAll(/\/\*\*\s*([\s\S]*?)\s*\*\/\s*\n\s*(\w+):/g)) {
    reasons.set(match[2], match[1].replace(/\s*\n\s*\*\s?/g, ' '));
  }
  return reasons;
}

function limitsPage(): string {
  const reasons = limitReasons();
  const rows = Object.entries(LIMITS).map(([name, value]) => {
    const reason = reasons.get(name);
    if (reason === undefined) throw new Error(`src/core/limits.ts: ${name} has no reason above it`);
    return `| \`${name}\` | ${value.toLocaleString('en')} | ${reason} |`;
  });
  return [
    '# Limits',
    '',
    'Generated from `src/core/limits.ts` by `npm run docs`. Names end in their unit; a number without one is a count.',
    '',
    '| limit | value | why |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { status, action }]) => `| <a id="${code}"></a>\`${code}\` | ${status} | ${action} |`,
  );
  return [
    '# Errors',
    '',
    'Generated from `src/core/errors.ts` by `npm run docs`. Under `/v1` an error is `application/problem+json` (RFC 9457)',
    'with `type, title, status, detail, code, requestId` and, for bad input, `errors: [{ path, message }]`. The same codes',
    'stand in the ledger as the reason an object failed, and in quarantine as the reason a row was set aside.',
    '',
    '| code | status | what to do |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const pages = new Map([
  ['docs/errors.md', errorsPage()],
  ['docs/limits.md', limitsPage()],
]);
const check = process.argv.includes('--check');
for (const [path, text] of pages) {
  let present = '';
  try {
    present = readFileSync(at(path), 'utf8');
  } catch {
    // Not there yet: as stale as any other difference.
  }
  if (present === text) continue;
  if (check) {
    process.stderr.write(`${path} is stale: run npm run docs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(at(path), text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
