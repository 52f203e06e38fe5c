import { existsSync, readFileSync } from 'node:fs';

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
}

/** The part of vitest's JSON report that is counted. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/**
 * Counts a run's tests from vitest's JSON report. A file that failed before its first test counts as one failure, and
 * so does a run that failed without saying where: zero failures must mean that nothing failed.
 */
export function countTests(reportPath: string, runSucceeded: boolean): TestCount {
  if (!existsSync(reportPath)) return { passed: 0, failed: 1 };
  const report = JSON.parse(readFileSync(reportPath, 'utf8')) as Report;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  const failed = report.numFailedTests + brokenFiles.length;
  return { passed: report.numPassedTests, failed: runSucceeded ? failed : Math.max(failed, 1) };
}
