/**
 * `npm run check`: everything that has to hold before a change is done. Every step runs even where one fails, since
 * the second failure is news too. `--full` scales the tests up; `--tests` runs them alone. The last line counts
 * tests: `N passed, N failed`. Exits 1 where anything failed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from './project-root.ts';
import { countTests } from './test-count.ts';

const FULL = { SEEDS: '10', SIZE: '5' };
const REPORT = join(PROJECT_ROOT, '.orasi', 'test-report.json');

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const ROOMS = ['src', 'durable-objects', 'queues', 'agent', 'scripts', 'test', 'bench'];

const STEPS: readonly Step[] = [
  { name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'types of the Worker', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  { name: 'types of tests and scripts', command: ['tsc', '--noEmit', '-p', 'tsconfig.node.json'] },
  { name: 'dependency rule', command: ['depcruise', '--config', '.dependency-cruiser.mjs', ...ROOMS] },
  { name: 'errors.md and limits.md are current', command: ['node', 'scripts/generate-docs.ts', '--check'] },
  { name: 'sql.md is current', command: ['node', 'scripts/generate-sql-docs.ts', '--check'] },
  { name: "bindings' types are current", command: ['wrangler', 'types', '--check', '--strict-vars=false'] },
  {
    name: 'the deployment bundles',
    command: ['wrangler', 'deploy', '--dry-run', '--outdir', join('.orasi', 'dry-run')],
  },
];

const TESTS: Step = {
  name: 'tests',
  command: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`],
};

/** Runs a step with its output as it comes; resolves to whether it succeeded. */
function run(step: Step, extra: Record<string, string>): Promise<boolean> {
  const [command = '', ...args] = step.command;
  process.stdout.write(`\n== ${step.name}\n`);
  return new Promise((done) => {
    const program = command === 'node' ? process.execPath : join(PROJECT_ROOT, 'node_modules', '.bin', command);
    const child = spawn(program, args, {
      cwd: PROJECT_ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        // Nothing asks the network for anything.
        CLOUDFLARE_CF_FETCH_ENABLED: 'false',
        WRANGLER_SEND_METRICS: 'false',
        WRANGLER_SEND_ERROR_REPORTS: 'false',
        WRANGLER_HIDE_BANNER: 'true',
        ...extra,
      },
    });
    child.on('error', (error) => {
      process.stdout.write(`${error.message}\n`);
      done(false);
    });
    child.on('close', (code) => done(code === 0));
  });
}

const full = process.argv.includes('--full');
const outcomes: { name: string; ok: boolean; seconds: number }[] = [];
async function record(step: Step, extra: Record<string, string> = {}): Promise<boolean> {
  const started = performance.now();
  const ok = await run(step, extra);
  outcomes.push({ name: step.name, ok, seconds: (performance.now() - started) / 1000 });
  return ok;
}

mkdirSync(join(PROJECT_ROOT, '.orasi'), { recursive: true });
rmSync(REPORT, { force: true });
if (!process.argv.includes('--tests')) for (const step of STEPS) await record(step);
const testsOk = await record(TESTS, full ? { ...FULL, ...definedOf(process.env) } : {});
const count = countTests(REPORT, testsOk);

process.stdout.write('\n');
for (const { name, ok, seconds } of outcomes) {
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)\n`);
}
process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
process.exitCode = outcomes.every((outcome) => outcome.ok) && count.failed === 0 ? 0 : 1;

/** SEEDS and SIZE, where the caller says them. */
function definedOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(FULL)) {
    const value = env[name];
    if (value !== undefined) given[name] = value;
  }
  return given;
}
