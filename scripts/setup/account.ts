import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unstable_readConfig as readWranglerConfig } from 'wrangler';
import { readOrCreateSecrets } from '../launcher/secrets.ts';
import {
  bucketStep,
  databaseId,
  databaseStep,
  lifecycleSteps,
  type Names,
  notificationStep,
  queueSteps,
  type Step,
  secretNames,
} from './steps.ts';
import { type Outcome, runWrangler } from './wrangler.ts';

export interface SetupOptions {
  /** The wrangler.toml that names what is needed; the database's id is written into it. */
  readonly configPath: string;
  /** Prints the commands and runs none. */
  readonly dryRun: boolean;
  /** Where bucket and database are put, as wrangler's `--location` has it. */
  readonly location?: string | undefined;
  /** Days after which objects of the inbox expire; never where absent. */
  readonly expireInboxDays?: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
}

const NO_DATABASE = '00000000-0000-0000-0000-000000000000';

const shown = (args: readonly string[]) =>
  ['wrangler', ...args.map((arg) => (/^[\w./:@=-]+$/.test(arg) ? arg : `'${arg}'`))].join(' ');

/**
 * Makes what the deployment needs in the account that wrangler is signed in to. What is there stays as it is, so a
 * run that failed is continued by running again. Throws an Error with the command and wrangler's words.
 */
export async function setUpAccount(options: SetupOptions): Promise<void> {
  const { configPath, dryRun, env, say } = options;
  const root = dirname(configPath);
  const names = readNames(configPath);
  const call = (args: readonly string[], input?: string) => runWrangler(root, env, args, input);

  async function succeed(args: readonly string[], input?: string): Promise<Outcome> {
    const outcome = await call(args, input);
    if (!outcome.ok) throw new Error(`${shown(args)}\n${outcome.output.trim()}`);
    return outcome;
  }

  async function ensure(step: Step): Promise<void> {
    if (dryRun) say(`${shown(step.make)}  # unless there: ${shown(step.probe)}`);
    else if (step.exists(await call(step.probe))) say(`exists   ${step.what}`);
    else {
      await succeed(step.make);
      say(`created  ${step.what}`);
    }
  }

  if (!dryRun && !(await call(['whoami', '--json'])).ok) {
    throw new Error(
      'wrangler is not signed in: run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN (docs/deploy.md)',
    );
  }
  await ensure(bucketStep(names, options.location));
  for (const step of queueSteps(names)) await ensure(step);
  await ensure(databaseStep(names, options.location));
  if (dryRun) say(`# writes the id that \`wrangler d1 list --json\` gives for ${names.database} into wrangler.toml`);
  else
    say(
      writeDatabaseId(configPath, names.database, databaseId(names.database, await succeed(['d1', 'list', '--json']))),
    );

  const migrate = ['d1', 'migrations', 'apply', names.database, '--remote'];
  if (dryRun) say(shown(migrate));
  else {
    await succeed(migrate);
    say('applied  migrations');
  }
  await ensure(notificationStep(names));
  for (const step of lifecycleSteps(names, options.expireInboxDays)) await ensure(step);

  const wanted = ['ADMIN_TOKEN', 'ENCRYPTION_KEY'] as const;
  if (dryRun) {
    for (const name of wanted) say(`wrangler secret put ${name}  # unless there: wrangler secret list --format json`);
    say('# then: wrangler deploy');
    return;
  }
  const present = secretNames(await call(['secret', 'list', '--format', 'json']));
  for (const name of wanted) {
    if (present.includes(name)) say(`exists   secret ${name}`);
    else {
      const { value, from } = newSecret(root, env, name);
      await succeed(['secret', 'put', name], value);
      say(`created  secret ${name} (${from})`);
    }
  }
  say('\nNext: npx wrangler deploy');
}

function readNames(configPath: string): Names {
  const config = readWranglerConfig({ config: configPath }, { hideWarnings: true });
  const [bucket] = config.r2_buckets;
  const [database] = config.d1_databases;
  const producers: { binding: string; queue?: string }[] = config.queues.producers ?? [];
  const consumers: { queue: string; dead_letter_queue?: string }[] = config.queues.consumers ?? [];
  const ingest = producers.find((producer) => producer.binding === 'INGEST_QUEUE');
  if (!bucket?.bucket_name || !database?.database_name || !ingest?.queue) {
    throw new Error(`${configPath} names no bucket, no database or no ingest queue`);
  }
  const deadLetters = consumers.flatMap((consumer) => consumer.dead_letter_queue ?? []);
  const queues = new Set([...deadLetters, ...consumers.map((consumer) => consumer.queue)]);
  return {
    bucket: bucket.bucket_name,
    database: database.database_name,
    ingestQueue: ingest.queue,
    queues: [...queues],
  };
}

/** Writes the database's id where wrangler looks for it: the deployment's own file. Returns what it did. */
function writeDatabaseId(configPath: string, name: string, id: string | null): string {
  if (id === null) throw new Error(`the account has no database ${name}`);
  const text = readFileSync(configPath, 'utf8');
  const line = /^database_id = "(.*)"$/m.exec(text);
  if (line === null) throw new Error(`${configPath} has no database_id line`);
  if (line[1] === id) return 'exists   database_id in wrangler.toml';
  if (line[1] !== NO_DATABASE) {
    throw new Error(`wrangler.toml names database ${line[1]}, but ${name} is ${id} in this account: which is meant?`);
  }
  writeFileSync(configPath, text.replace(line[0], `database_id = "${id}"`));
  return `created  database_id = "${id}" in wrangler.toml (commit it)`;
}

/**
 * A secret from the environment, or a generated one, kept in a file that git ignores: Cloudflare never shows a secret
 * again, and without ENCRYPTION_KEY a backup of the resources cannot be read.
 */
function newSecret(
  root: string,
  env: SetupOptions['env'],
  name: 'ADMIN_TOKEN' | 'ENCRYPTION_KEY',
): { value: string; from: string } {
  const given = env[name];
  if (given) return { value: given, from: 'from the environment' };
  const path = join(root, '.orasi', 'cloudflare-secrets');
  mkdirSync(dirname(path), { recursive: true });
  return { value: readOrCreateSecrets(path, [name])[name], from: `kept in ${path}` };
}
