import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';

test('the pages that are made from the code are as the code is', () => {
  const run = spawnSync('node', ['scripts/generate-docs.ts', '--check'], { cwd: PROJECT_ROOT, encoding: 'utf8' });
  expect([run.status, run.stderr]).toEqual([0, '']);
});
