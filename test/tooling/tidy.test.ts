import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';
import { complaints } from '../../scripts/tidy.ts';

describe('documentation and comments', () => {
  let tree: string;

  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), 'orasi-tidy-'));
  });
  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  function complaintsOn(files: Record<string, string>): string[] {
    rmSync(tree, { recursive: true, force: true });
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    }
    return complaints(tree);
  }

  test('name only what exists in this tree', () => {
    expect(complaints(PROJECT_ROOT)).toEqual([]);
  });

  test('may link to files, folders, headings and other sites', () => {
    const readme = [
      '# Title',
      '[a](docs/a.md) [its part](docs/a.md#the-42nd-part-of-it) [here](#title) [room](docs/) [site](https://example.com/x)',
      '`src/query/parse.ts`, src/query, src/query/*.ts, test/<room>/<name>.test.ts, migrations/NNNN_what.sql',
      '```sh',
      'cat docs/what-you-write.md',
      '```',
    ].join('\n');
    const found = complaintsOn({
      'README.md': readme,
      'docs/a.md': '# A\n\n## The 42nd part of it!\n\nSee [the decision](decisions/0001-x.md).',
      'docs/decisions/0001-x.md': '# X',
      'src/query/parse.ts': '// See docs/decisions/0001 and docs/a.md.\nexport const path = "docs/nowhere.md";\n',
    });
    expect(found).toEqual([]);
  });

  test.each([
    ['a dead link', { 'README.md': '[a](docs/a.md)' }, 'README.md:1: dead link docs/a.md'],
    ['a link out of the tree', { 'README.md': '[a](../a.md)' }, 'README.md:1: dead link ../a.md'],
    ['a dead anchor', { 'README.md': '# Title\n\n[a](#titel)' }, 'README.md:3: README.md has no heading #titel'],
    [
      'a file that is gone',
      { 'docs/a.md': 'See `src/gone.ts`.' },
      'docs/a.md:1: names src/gone.ts, which does not exist',
    ],
    [
      'the same in a comment',
      { 'src/a.ts': '/**\n * As test/gone.test.ts shows.\n */' },
      'src/a.ts:2: names test/gone.test.ts, which does not exist',
    ],
    [
      'at a line’s end',
      { 'src/a.ts': `export const a = 1; ${'//'} docs/decisions/0099` },
      'src/a.ts:1: names docs/decisions/0099, which does not exist',
    ],
    [
      'in SQL',
      { 'migrations/0001.sql': '-- See docs/gone.md.' },
      'migrations/0001.sql:1: names docs/gone.md, which does not exist',
    ],
  ])('are refused %s', (_what, files, complaint) => {
    expect(complaintsOn(files)).toEqual([complaint]);
  });

  test('are refused two decisions of one number', () => {
    const found = complaintsOn({ 'docs/decisions/0001-a.md': '# A', 'docs/decisions/0001-b.md': '# B' });
    expect(found).toEqual([
      'docs/decisions/0001-a.md and docs/decisions/0001-b.md: share the number 0001, or have none',
    ]);
  });
});
