import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { countTests } from '../../scripts/test-count.ts';

const folder = mkdtempSync(join(tmpdir(), 'orasi-count-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function reportOf(
  passed: number,
  failed: number,
  files: { status: string; assertionResults: unknown[] }[] = [],
): string {
  const path = join(folder, `${passed}-${failed}-${files.length}.json`);
  writeFileSync(path, JSON.stringify({ numPassedTests: passed, numFailedTests: failed, testResults: files }));
  return path;
}

test('tests are counted as vitest counts them', () => {
  expect(countTests(reportOf(7, 2), false)).toEqual({ passed: 7, failed: 2 });
  expect(countTests(reportOf(7, 0), true)).toEqual({ passed: 7, failed: 0 });
});

test('a file that fails before its first test is a failure', () => {
  const files = [
    { status: 'failed', assertionResults: [] },
    { status: 'passed', assertionResults: [{}] },
  ];
  expect(countTests(reportOf(1, 0, files), false)).toEqual({ passed: 1, failed: 1 });
});

test('a run that failed elsewhere, or left no report, is a failure', () => {
  expect(countTests(reportOf(7, 0), false)).toEqual({ passed: 7, failed: 1 });
  expect(countTests(join(folder, 'absent.json'), true)).toEqual({ passed: 0, failed: 1 });
});
