/**
 * `npm start`: the platform on localhost. Takes PORT, ORASI_STATE, ADMIN_TOKEN and ORASI_HTTPS from the environment;
 * prints one line beginning with `ready` when it answers, and stops cleanly on SIGINT and SIGTERM.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readConfig } from '../src/config.ts';
import { localCertificate } from './launcher/certificate.ts';
import { parseVars, readOrCreateSecrets } from './launcher/secrets.ts';
import type { LaunchOptions } from './launcher.ts';
import { PROJECT_ROOT } from './project-root.ts';

const DEV_VARS = join(PROJECT_ROOT, '.dev.vars');
const READY_MS = 30_000;
/** What a deployment refuses and a trial on one machine needs: webhooks to this machine. */
const LOCAL = { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8,::1/128' };

function readPort(text: string | undefined): number {
  const port = text === undefined || text === '' ? 8787 : Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT=${text} is not a port`);
  return port;
}

/** What `.dev.vars` says, its secrets generated where missing; `ADMIN_TOKEN` of the environment goes first. */
function readVars(): { vars: Record<string, string>; tokenFrom: string } {
  const secrets = readOrCreateSecrets(DEV_VARS);
  const given = process.env['ADMIN_TOKEN'];
  return {
    vars: {
      ...LOCAL,
      ...parseVars(readFileSync(DEV_VARS, 'utf8')),
      ...secrets,
      ...(given ? { ADMIN_TOKEN: given } : {}),
    },
    tokenFrom: given ? 'the environment variable ADMIN_TOKEN' : relative(process.cwd(), DEV_VARS),
  };
}

async function untilReady(url: string, instance: { fetch(path: string): Promise<Response> }): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const answer = await instance.fetch('/readyz');
    if (answer.ok) return;
    const reason = await answer.text();
    if (Date.now() > deadline) throw new Error(`${url}/readyz still answers ${answer.status}: ${reason}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

function welcome(url: string, stateDir: string, tokenFrom: string, authorityPath: string | undefined): string {
  const curl = authorityPath === undefined ? 'curl -sS' : `curl -sS --cacert ${relative(process.cwd(), authorityPath)}`;
  const base = `${url}/v1/namespaces/default`;
  const token = existsSync(DEV_VARS) && !process.env['ADMIN_TOKEN'];
  return [
    'Orasi Edge is running.',
    `  state        ${relative(process.cwd(), stateDir) || stateDir}`,
    `  admin token  in ${tokenFrom}`,
    `  open         ${url}/docs`,
    ...(authorityPath === undefined ? [] : [`  trust        ${relative(process.cwd(), authorityPath)}`]),
    '',
    'Try, in another terminal:',
    ...(token ? ["  export ADMIN_TOKEN=$(sed -n 's/^ADMIN_TOKEN=//p' .dev.vars)"] : []),
    `  printf '{"city":"Oslo","t":-3.5}\\n{"city":"Rome","t":14}\\n' |`,
    `    ${curl} -T - -H "Authorization: Bearer $ADMIN_TOKEN" '${base}/datasets/weather/objects/today.ndjson?wait=30'`,
    `  ${curl} -H "Authorization: Bearer $ADMIN_TOKEN" -H 'content-type: application/json' ${base}/query \\`,
    `    -d '{"sql":"SELECT city, t FROM weather WHERE t > 0"}'`,
    '',
  ].join('\n');
}

async function main(): Promise<void> {
  const stateDir = process.env['ORASI_STATE'] || join(PROJECT_ROOT, '.orasi', 'state');
  const { vars, tokenFrom } = readVars();
  // What the Worker would refuse at its first request is refused here, in one sentence.
  readConfig(vars);
  const certificate = process.env['ORASI_HTTPS'] === '1' ? await localCertificate(join(stateDir, 'tls')) : undefined;
  const options: LaunchOptions = {
    stateDir,
    port: readPort(process.env['PORT']),
    vars,
    sweep: 'every-minute',
    callerHandlesSignals: true,
    onLog: (line) => process.stdout.write(`${line}\n`),
    ...(certificate === undefined ? {} : { tls: certificate }),
  };
  // Two seconds of loading, which a wrong PORT or token need not wait for.
  const { launch } = await import('./launcher.ts');
  const starting = launch(options);
  let stopping = false;
  const stop = () => {
    // The second signal does not wait for a clean end.
    if (stopping) process.exit(1);
    stopping = true;
    starting
      .then((instance) => instance.stop())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const instance = await starting;
  await untilReady(instance.url, instance);
  process.stdout.write(`${welcome(instance.url, instance.stateDir, tokenFrom, certificate?.authorityPath)}\n`);
  if (certificate !== undefined) process.stdout.write(`${certificate.authority}\n`);
  process.stdout.write(`ready ${instance.url}\n`);
}

/** The whole chain of causes, the sentence a person can act on first. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (/Address already in use/.test(error.message))
    return `port ${process.env['PORT'] || 8787} is taken: choose another with PORT`;
  return error.cause === undefined ? error.message : `${error.message}\n${explain(error.cause)}`;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}
