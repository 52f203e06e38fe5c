import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type SetupOptions, setUpAccount } from '../../scripts/setup/account.ts';

const ROOT = dirname(dirname(import.meta.dirname));

/** The folder of the test that runs, and the one where an account was set up once, with what that run did. */
let folder: string;
let finished: { folder: string; run: Run };

beforeAll(async () => {
  folder = layOut();
  finished = { folder, run: await setUp() };
});
beforeEach(() => {
  folder = layOut();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(() => rmSync(finished.folder, { recursive: true, force: true }));

/** A deployment that was never set up, and the stand-in for wrangler. */
function layOut(): string {
  const made = mkdtempSync(join(tmpdir(), 'orasi-setup-'));
  mkdirSync(join(made, 'bin'));
  cpSync(join(import.meta.dirname, 'fake-wrangler.mjs'), join(made, 'bin', 'wrangler'));
  chmodSync(join(made, 'bin', 'wrangler'), 0o755);
  // Whatever id this checkout's file has by now.
  const config = readFileSync(join(ROOT, 'wrangler.toml'), 'utf8');
  const fresh = config.replace(/^database_id = ".*"$/m, 'database_id = "00000000-0000-0000-0000-000000000000"');
  writeFileSync(join(made, 'wrangler.toml'), fresh);
  return made;
}

/** Goes on from the account that was set up. */
function startFromFinished(): void {
  rmSync(folder, { recursive: true, force: true });
  cpSync(finished.folder, folder, { recursive: true });
}

interface Run {
  readonly lines: string[];
  readonly error: string | null;
  /** The wrangler commands of this run, in order. */
  readonly calls: string[];
}

async function setUp(options: Partial<SetupOptions> = {}, extra: Record<string, string> = {}): Promise<Run> {
  const log = join(folder, 'calls.log');
  rmSync(log, { force: true });
  const lines: string[] = [];
  let error: string | null = null;
  await setUpAccount({
    configPath: join(folder, 'wrangler.toml'),
    dryRun: false,
    env: { PATH: [join(folder, 'bin'), dirname(process.execPath)].join(delimiter), FAKE_ACCOUNT: folder, ...extra },
    say: (line) => lines.push(line),
    ...options,
  }).catch((thrown: Error) => {
    error = thrown.message;
  });
  return { lines, error, calls: existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [] };
}

const account = (of = folder) => JSON.parse(readFileSync(join(of, 'account.json'), 'utf8'));
const READING = /^(whoami|r2 bucket info|queues info|d1 list|secret list|r2 bucket \w+ list)/;
const changes = (calls: string[]) => calls.filter((call) => !READING.test(call));

const MAKING = [
  'r2 bucket create orasi-edge',
  'queues create orasi-ingest-dlq',
  'queues create orasi-index-dlq',
  'queues create orasi-tasks-dlq',
  'queues create orasi-ingest',
  'queues create orasi-index',
  'queues create orasi-tasks',
  'd1 create orasi-catalog',
  'd1 migrations apply orasi-catalog --remote',
  'r2 bucket notification create orasi-edge --event-type object-create --prefix inbox/ --queue orasi-ingest --description Orasi Edge takes in what lands here',
  'r2 bucket lifecycle add orasi-edge orasi-unfinished-uploads --abort-multipart-days 7 --force',
  'r2 bucket lifecycle add orasi-edge orasi-staging staging/ --expire-days 7 --force',
  'secret put ADMIN_TOKEN',
  'secret put ENCRYPTION_KEY',
];

describe('setting up an account', () => {
  test('makes everything the deployment names, what others point at first', () => {
    const { run } = finished;
    expect(run.error).toBeNull();
    expect(changes(run.calls)).toEqual(MAKING);
    const config = readFileSync(join(finished.folder, 'wrangler.toml'), 'utf8');
    expect(config).toContain('database_id = "6f1c2a34-0000-4000-8000-00000000abcd"');
  });

  test('a second time changes nothing', async () => {
    startFromFinished();
    const config = readFileSync(join(folder, 'wrangler.toml'), 'utf8');
    const before = account();
    const run = await setUp();
    expect(run.error).toBeNull();
    // Applying migrations is idempotent by itself: D1 keeps count of them.
    expect(changes(run.calls)).toEqual(['d1 migrations apply orasi-catalog --remote']);
    expect(account()).toEqual(before);
    expect(readFileSync(join(folder, 'wrangler.toml'), 'utf8')).toBe(config);
    expect(run.lines.join('\n')).not.toContain('created');
  });

  test('goes on where a run that failed stopped', async () => {
    const failed = await setUp({}, { FAKE_FAILURE: 'r2 bucket notification list' });
    expect(failed.error).toContain('bad day');
    const migrated = MAKING.findIndex((call) => call.startsWith('d1 migrations'));
    expect(changes(failed.calls)).toEqual(MAKING.slice(0, migrated + 1));
    const resumed = await setUp();
    expect(resumed.error).toBeNull();
    expect(changes(resumed.calls)).toEqual(MAKING.slice(migrated));
  });

  test('takes no failure for an absence', async () => {
    const run = await setUp({}, { FAKE_FAILURE: 'queues info' });
    expect(run.error).toContain('bad day');
    expect(run.calls.filter((call) => call.startsWith('queues create'))).toEqual([]);
  });

  test('generates secrets into a file only its owner reads, and prints none', () => {
    const { run } = finished;
    const { ADMIN_TOKEN, ENCRYPTION_KEY } = account(finished.folder).secrets;
    expect(Buffer.from(ENCRYPTION_KEY, 'base64')).toHaveLength(32);
    const file = join(finished.folder, '.orasi', 'cloudflare-secrets');
    expect(readFileSync(file, 'utf8')).toBe(`ADMIN_TOKEN=${ADMIN_TOKEN}\nENCRYPTION_KEY=${ENCRYPTION_KEY}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const secret of [ADMIN_TOKEN, ENCRYPTION_KEY]) {
      expect(run.lines.join('\n')).not.toContain(secret);
      expect(run.calls.join('\n')).not.toContain(secret);
    }
  });

  test('takes a secret from the environment before it generates one', async () => {
    startFromFinished();
    writeFileSync(join(folder, 'account.json'), JSON.stringify({ ...account(), secrets: { ENCRYPTION_KEY: 'there' } }));
    await setUp({}, { ADMIN_TOKEN: 'a-token-chosen-by-its-owner', ENCRYPTION_KEY: 'not this one' });
    expect(account().secrets).toEqual({ ADMIN_TOKEN: 'a-token-chosen-by-its-owner', ENCRYPTION_KEY: 'there' });
  });

  test('refuses to point a deployment at another database than it names', async () => {
    startFromFinished();
    const path = join(folder, 'wrangler.toml');
    const other = '11111111-2222-4333-8444-555555555555';
    writeFileSync(path, readFileSync(path, 'utf8').replace(/^database_id = ".*"$/m, `database_id = "${other}"`));
    const run = await setUp();
    expect(run.error).toContain(other);
    expect(readFileSync(path, 'utf8')).toContain(other);
    expect(changes(run.calls)).toEqual([]);
  });

  test('says how to sign in', async () => {
    writeFileSync(join(folder, 'account.json'), '{ "signedIn": false }');
    const run = await setUp();
    expect(run.error).toContain('wrangler login');
    expect(run.calls).toEqual(['whoami --json']);
  });

  test('as a dry run prints the commands and runs none', async () => {
    const run = await setUp({ dryRun: true, expireInboxDays: 30, location: 'weur' });
    expect(run.error).toBeNull();
    expect(run.calls).toEqual([]);
    const printed = run.lines
      .map((line) => line.replace(/ {2}#.*/, '').replaceAll("'", ''))
      .filter((line) => line.startsWith('wrangler '));
    const expected = MAKING.map((command) =>
      /^(r2 bucket|d1) create/.test(command) ? `${command} --location weur` : command,
    );
    expected.splice(-2, 0, 'r2 bucket lifecycle add orasi-edge orasi-inbox inbox/ --expire-days 30 --force');
    expect(printed).toEqual(expected.map((command) => `wrangler ${command}`));
  });
});
