import type { Outcome } from './wrangler.ts';

/** What the deployment names, read from wrangler.toml. */
export interface Names {
  readonly bucket: string;
  /** Queues in the order they have to be made: dead-letter queues first, since the others point at them. */
  readonly queues: readonly string[];
  /** The queue that bucket notifications go to. */
  readonly ingestQueue: string;
  readonly database: string;
}

/** One thing an account needs: how to see whether it is there, and the command that makes it. */
export interface Step {
  readonly what: string;
  readonly probe: readonly string[];
  /** Whether the probe's outcome shows the thing; throws where it shows neither. */
  readonly exists: (probe: Outcome) => boolean;
  readonly make: readonly string[];
}

const NOT_THERE = /does not exist|not found|no such|could not find/i;

/** For probes that fail where the thing is missing: any other failure is not an answer. */
function foundUnlessMissing(missing: RegExp): (probe: Outcome) => boolean {
  return ({ ok, output }) => {
    if (ok) return true;
    if (missing.test(output)) return false;
    throw new Error(output.trim());
  };
}

/** For probes that list: the thing is there if the listing shows it. A bucket without rules may answer "not found". */
function listed(shows: (stdout: string) => boolean): (probe: Outcome) => boolean {
  return ({ ok, output, stdout }) => {
    if (ok) return shows(stdout);
    if (NOT_THERE.test(output) || /no (event )?notification|11015/i.test(output)) return false;
    throw new Error(output.trim());
  };
}

const hasField = (name: string, value: string) => (text: string) =>
  text.split('\n').some((line) => new RegExp(`^\\s*${name}:\\s+`).test(line) && line.trim().endsWith(` ${value}`));

export function bucketStep(names: Names, location: string | undefined): Step {
  return {
    what: `bucket ${names.bucket}`,
    probe: ['r2', 'bucket', 'info', names.bucket, '--json'],
    exists: foundUnlessMissing(NOT_THERE),
    make: ['r2', 'bucket', 'create', names.bucket, ...(location === undefined ? [] : ['--location', location])],
  };
}

export function queueSteps(names: Names): Step[] {
  return names.queues.map((queue) => ({
    what: `queue ${queue}`,
    probe: ['queues', 'info', queue],
    exists: foundUnlessMissing(NOT_THERE),
    make: ['queues', 'create', queue],
  }));
}

export function databaseStep(names: Names, location: string | undefined): Step {
  return {
    what: `database ${names.database}`,
    probe: ['d1', 'list', '--json'],
    exists: (probe) => databaseId(names.database, probe) !== null,
    make: ['d1', 'create', names.database, ...(location === undefined ? [] : ['--location', location])],
  };
}

/** The id of a database in the account's list, or null. */
export function databaseId(name: string, { ok, output, stdout }: Outcome): string | null {
  if (!ok) throw new Error(output.trim());
  const databases = JSON.parse(stdout.slice(stdout.indexOf('['))) as { name: string; uuid: string }[];
  return databases.find((database) => database.name === name)?.uuid ?? null;
}

export function notificationStep(names: Names): Step {
  return {
    what: `notifications of inbox/ to ${names.ingestQueue}`,
    probe: ['r2', 'bucket', 'notification', 'list', names.bucket],
    // Rules are printed as blocks of labelled lines, a blank line between them.
    exists: listed((text) =>
      text
        .split(/\n\s*\n/)
        .some((rule) => hasField('queue_name', names.ingestQueue)(rule) && hasField('prefix', 'inbox/')(rule)),
    ),
    make: [
      ...['r2', 'bucket', 'notification', 'create', names.bucket],
      ...['--event-type', 'object-create', '--prefix', 'inbox/', '--queue', names.ingestQueue],
      ...['--description', 'Orasi Edge takes in what lands here'],
    ],
  };
}

/**
 * What may expire by age: unfinished uploads, and the inflated copies of compressed objects, which an attempt that
 * died leaves behind. Objects of the inbox only where the operator says so, since an object that failed is there too.
 */
export function lifecycleSteps(names: Names, expireInboxDays: number | undefined): Step[] {
  const rules: [name: string, prefix: string, ...action: string[]][] = [
    ['orasi-unfinished-uploads', '', '--abort-multipart-days', '7'],
    ['orasi-staging', 'staging/', '--expire-days', '7'],
  ];
  if (expireInboxDays !== undefined) rules.push(['orasi-inbox', 'inbox/', '--expire-days', String(expireInboxDays)]);
  return rules.map(([name, prefix, ...action]) => ({
    what: `lifecycle rule ${name}`,
    probe: ['r2', 'bucket', 'lifecycle', 'list', names.bucket],
    exists: listed(hasField('name', name)),
    make: [
      'r2',
      'bucket',
      'lifecycle',
      'add',
      names.bucket,
      name,
      ...(prefix === '' ? [] : [prefix]),
      ...action,
      '--force',
    ],
  }));
}

/** The names of the secrets a Worker has; none where it was never deployed. */
export function secretNames({ ok, output, stdout }: Outcome): string[] {
  if (!ok) {
    if (/10007|does not exist|not found/i.test(output)) return [];
    throw new Error(output.trim());
  }
  return (JSON.parse(stdout.slice(stdout.indexOf('['))) as { name: string }[]).map((secret) => secret.name);
}
