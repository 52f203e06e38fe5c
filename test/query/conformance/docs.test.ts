import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sqlPage } from '../../../scripts/generate-sql-docs.ts';

it('docs/sql.md says what the statements of this folder show', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/sql.md'), 'utf8');
  expect(page, 'run npm run docs').toBe(sqlPage());
});
