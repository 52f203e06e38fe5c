#!/usr/bin/env node
// Stands in for `wrangler` on PATH: an account kept in a JSON file, and answers as wrangler 4.155 words them.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

const folder = process.env.FAKE_ACCOUNT;
const path = `${folder}/account.json`;
const EMPTY = { signedIn: true, buckets: [], queues: [], databases: [], rules: [], lifecycle: [], secrets: {} };
const account = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : EMPTY;
const args = process.argv.slice(2);
appendFileSync(`${folder}/calls.log`, `${args.join(' ')}\n`);

function say(text) {
  process.stdout.write(`${text}\n`);
}
function fail(text) {
  process.stderr.write(`\n✘ [ERROR] ${text}\n`);
  process.exit(1);
}
function option(name) {
  return args[args.indexOf(name) + 1];
}
function block(fields) {
  const width = Math.max(...Object.keys(fields).map((name) => name.length)) + 3;
  return Object.entries(fields)
    .map(([name, value]) => `${`${name}:`.padEnd(width)}${value}`)
    .join('\n');
}

const commands = {
  whoami: () => (account.signedIn ? say('{"loggedIn":true}') : fail('You are not authenticated.')),
  'r2 bucket info': ([name]) =>
    account.buckets.includes(name)
      ? say(JSON.stringify({ name }))
      : fail('A request to the Cloudflare API failed.\n\n  The specified bucket does not exist. [code: 10006]'),
  'r2 bucket create': ([name]) => account.buckets.push(name),
  'queues info': ([name]) =>
    account.queues.includes(name)
      ? say(block({ 'Queue Name': name }))
      : fail(`Queue "${name}" does not exist. To create it, run: wrangler queues create ${name}`),
  'queues create': ([name]) => account.queues.push(name),
  'd1 list': () => say(JSON.stringify(account.databases, null, 2)),
  'd1 create': ([name]) => account.databases.push({ uuid: '6f1c2a34-0000-4000-8000-00000000abcd', name }),
  'd1 migrations apply': ([name]) => {
    if (!account.databases.some((database) => database.name === name)) fail(`Couldn't find a D1 DB named ${name}`);
  },
  'r2 bucket notification list': ([bucket]) => {
    if (account.rules.length === 0)
      fail('A request to the Cloudflare API failed.\n\n  No event notification config found. [code: 11015]');
    say(`Fetching notification rules for bucket ${bucket}...`);
    say(account.rules.map(block).join('\n\n'));
  },
  'r2 bucket notification create': () => {
    if (!account.queues.includes(option('--queue'))) fail('the queue of the rule does not exist');
    account.rules.push({
      rule_id: 'e1',
      created_at: '2026-11-01T00:00:00Z',
      queue_name: option('--queue'),
      prefix: option('--prefix'),
      suffix: '(all suffixes)',
      event_type: 'PutObject,CompleteMultipartUpload,CopyObject',
    });
  },
  'r2 bucket lifecycle list': () =>
    say(account.lifecycle.map((name) => block({ name, enabled: 'Yes', prefix: 'x', action: 'Expire' })).join('\n\n')),
  'r2 bucket lifecycle add': ([, name]) => account.lifecycle.push(name),
  'secret list': () =>
    Object.keys(account.secrets).length === 0
      ? fail('A request to the Cloudflare API failed.\n\n  This Worker does not exist on your account. [code: 10007]')
      : say(JSON.stringify(Object.keys(account.secrets).map((name) => ({ name, type: 'secret_text' })))),
  'secret put': ([name]) => {
    account.secrets[name] = readFileSync(0, 'utf8').trim();
  },
};

const name = Object.keys(commands)
  .filter((command) => `${args.join(' ')} `.startsWith(`${command} `))
  .sort((a, b) => b.length - a.length)[0];
if (name === undefined) fail(`unknown command: ${args.join(' ')}`);
const broken = process.env.FAKE_FAILURE;
if (broken && args.join(' ').startsWith(broken)) fail('The API is having a bad day. [code: 10000]');
commands[name](args.slice(name.split(' ').length));
writeFileSync(path, JSON.stringify(account));
