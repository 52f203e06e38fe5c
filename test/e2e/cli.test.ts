import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { until } from '../discovery/until.ts';
import { ORASI, type OrasiCommand, orasiCommand, orasiProcess, type Ran } from './orasi-command.ts';

let instance: Instance;
let orasi: OrasiCommand;
beforeAll(async () => {
  instance = await launch({ queueBatchTimeoutSeconds: 0 });
  orasi = orasiCommand({ ORASI_URL: instance.url, ORASI_TOKEN: instance.adminToken });
});
afterAll(async () => {
  orasi?.remove();
  await instance?.stop();
});

/** Runs a command that has to succeed. */
async function ok(...[args, options]: Parameters<OrasiCommand['run']>): Promise<Ran> {
  const ran = await orasi.run(args, options);
  if (ran.code !== 0) throw new Error(`orasi ${args.join(' ')} ended with ${ran.code}: ${ran.stderr}`);
  return ran;
}

const inHome = (name: string, content: string | Uint8Array): string => {
  const path = join(orasi.home, name);
  writeFileSync(path, content);
  return path;
};

describe('contexts', () => {
  test('a context holds url, token and namespace, in a file of its owner alone', async () => {
    const plain = orasiCommand();
    try {
      const missing = await plain.run(['datasets', 'list']);
      expect(missing).toMatchObject({ code: 2, stdout: '' });
      expect(missing.stderr).toMatch(/^orasi: no platform is named: .*\n$/);

      const set = ['context', 'set', 'local', '--url', instance.url, '--token', '-'];
      expect(await plain.run(set, { stdin: `${instance.adminToken}\n` })).toMatchObject({ code: 0 });
      const file = join(plain.home, '.config', 'orasi', 'config.json');
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(await plain.run(['datasets', 'list'])).toMatchObject({ code: 0 });

      await plain.run(['context', 'set', 'other', '--url', 'http://127.0.0.1:1', '--namespace', 'nowhere']);
      const listed = await plain.run(['context', 'list', '--json']);
      expect(listed.stdout).not.toContain(instance.adminToken);
      expect(JSON.parse(listed.stdout).items).toMatchObject([
        { name: 'local', current: true, hasToken: true },
        { name: 'other', current: false, hasToken: false, namespace: 'nowhere' },
      ]);
      await plain.run(['context', 'use', 'other']);
      const unreachable = await plain.run(['datasets', 'list']);
      expect(unreachable).toMatchObject({
        code: 1,
        stderr: 'orasi: no answer from http://127.0.0.1:1: nothing listens there\n',
      });
      expect(await plain.run(['--context', 'local', 'datasets', 'list'])).toMatchObject({ code: 0 });
      const env = { ORASI_URL: instance.url, ORASI_TOKEN: instance.adminToken, ORASI_NAMESPACE: 'default' };
      expect(await plain.run(['datasets', 'list'], { env })).toMatchObject({ code: 0 });
      expect((await plain.run(['context', 'use', 'third'])).stderr).toBe('orasi: there is no context "third"\n');
      await plain.run(['context', 'delete', 'other']);
      expect(JSON.parse(readFileSync(file, 'utf8')).contexts).toEqual({
        local: { url: instance.url, token: instance.adminToken },
      });
    } finally {
      plain.remove();
    }
  });
});

describe('objects', () => {
  test('a file and standard input are put, asked for in every form, listed and deleted', async () => {
    const file = inHome('today.ndjson', '{"city":"Oslo","t":-3.5}\n{"city":"Rome","t":14}\n');
    const put = JSON.parse((await ok(['--json', 'objects', 'put', 'weather', file])).stdout).items;
    expect(put).toMatchObject([{ name: 'today.ndjson', state: 'committed', rowsCommitted: 2 }]);
    const piped = ['objects', 'put', 'weather', '-', '--name', 'more.csv', '--format', 'csv'];
    expect((await ok(piped, { stdin: 'city,t\nParis,7\n' })).stdout).toMatch(/more\.csv\s+csv\s.*committed\s+1/);

    const sql = 'SELECT city, t FROM weather WHERE t > ? ORDER BY t';
    expect((await ok(['query', sql, '-p', '0', '-o', 'csv'])).stdout).toBe('city,t\r\nParis,7\r\nRome,14\r\n');
    expect((await ok(['query', '-o', 'ndjson', '-p', '10'], { stdin: sql })).stdout).toBe('{"city":"Rome","t":14}\n');
    const answer = JSON.parse((await ok(['--json', 'query', '-f', inHome('q.sql', sql), '-p', '10'])).stdout);
    expect(answer).toMatchObject({ columns: [{ name: 'city' }, { name: 't' }], rows: [['Rome', 14]] });
    const table = await ok(['query', sql, '--param', '0']);
    expect(table.stdout).toBe('city    t\nParis   7\nRome   14\n');
    expect(table.stderr).toMatch(/^2 rows, \d of 2 segments, \d+ ms\n$/);
    const named = 'SELECT t FROM weather WHERE city = ?';
    expect((await ok(['query', named, '-p', 'Oslo', '-o', 'csv', '-q'])).stdout).toBe('t\r\n-3.5\r\n');
    expect(JSON.parse((await ok(['query', sql, '-p', '0', '--explain'])).stdout)).toHaveProperty('plan');

    expect((await ok(['datasets', 'list'])).stdout).toMatch(/^DATASET .*\nweather\s+3\s+2 /);
    expect((await ok(['datasets', 'get', 'weather'])).stdout).toMatch(/^COLUMN {2}TYPE {4}NULLABLE\ncity/);
    const { items } = JSON.parse((await ok(['objects', 'list', '--dataset', 'weather', '--json'])).stdout);
    expect(items).toHaveLength(2);
    await ok(['objects', 'delete', items[0].objectId]);
    expect((await ok(['query', 'SELECT count(*) AS n FROM weather', '-o', 'csv'])).stdout).toBe('n\r\n1\r\n');
    await ok(['datasets', 'delete', 'weather']);
    expect((await ok(['datasets', 'list', '--json'])).stdout).not.toContain('weather');
  });

  test('rows set aside are printed, and an object that failed ends the command with 1 and can be retried', async () => {
    const mixed = ['objects', 'put', 'mixed', '-', '--name', 'a.ndjson', '--json'];
    const { items } = JSON.parse((await ok(mixed, { stdin: '{"a":1}\n{"a":\n{"a":2}\n' })).stdout);
    expect(items).toMatchObject([{ rowsCommitted: 2, rowsQuarantined: 1 }]);
    const bad = (await ok(['objects', 'quarantine', items[0].objectId])).stdout.trim().split('\n');
    expect(bad.map((line) => JSON.parse(line))).toMatchObject([{ reasons: [{ code: 'malformed_input' }] }]);

    const failed = await orasi.run(['objects', 'put', 'broken', '-', '--name', 'x.parquet', '--json'], {
      stdin: 'PAR1 no',
    });
    expect(failed.code).toBe(1);
    const [object] = JSON.parse(failed.stdout).items;
    expect(object).toMatchObject({ state: 'failed' });
    expect((await ok(['objects', 'retry', object.objectId])).stdout).toContain(object.objectId);
    const again = await ok(['objects', 'get', object.objectId, '--wait', '30', '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ state: 'failed' });
  });

  test('a large file goes up in parts, over a connection that breaks, and comes out whole', async () => {
    const rows = 130_000;
    const lines = Array.from(
      { length: rows },
      (_, n) => `{"n":${n},"text":"a row long enough to fill parts with: ${n}"}\n`,
    );
    const file = inHome('large.ndjson', lines.join(''));
    expect(statSync(file).size).toBeGreaterThan(8_000_000);
    const proxy = await cuttingProxy(new URL(instance.url).port, 2, 1_000_000);
    try {
      const env = { ORASI_URL: proxy.url };
      const put = await ok(['objects', 'put', 'large', file, '--part-size', '5MiB', '--wait', '300', '--json'], {
        env,
      });
      expect(proxy.cuts()).toBe(1);
      expect(proxy.parts()).toBe(3);
      expect(put.stderr).toMatch(/^part \d again: /);
      expect(JSON.parse(put.stdout).items).toMatchObject([{ state: 'committed', rowsCommitted: rows }]);
    } finally {
      proxy.close();
    }
    const counted = await ok(['query', 'SELECT count(*) AS n, sum(n) AS s FROM large', '-o', 'csv']);
    expect(counted.stdout).toBe(`n,s\r\n${rows},${(rows * (rows - 1)) / 2}\r\n`);
  });

  test('an upload given up is gone on with where it ended, and standard input goes up in parts', async () => {
    const bytes = Buffer.from('{"text":"abcdefghijklmnopqrstuvwxyz0123456789"}\n'.repeat(240_000));
    const file = inHome('resumed.ndjson', bytes);
    const uploads = '/v1/namespaces/default/datasets/resumed/uploads';
    const partBytes = 5 * 1024 * 1024;
    const begun = await instance.fetch(uploads, {
      method: 'POST',
      body: JSON.stringify({ name: 'resumed.ndjson', partBytes }),
    });
    const { uploadId } = (await begun.json()) as { uploadId: string };
    await instance.fetch(`${uploads}/${uploadId}/parts/1`, { method: 'PUT', body: bytes.subarray(0, partBytes) });
    const put = ['objects', 'put', 'resumed', file, '--resume', uploadId, '--wait', '300', '--json'];
    const proxy = await cuttingProxy(new URL(instance.url).port);
    try {
      const { stdout } = await ok(put, { env: { ORASI_URL: proxy.url } });
      expect(JSON.parse(stdout).items).toMatchObject([{ state: 'committed', rowsCommitted: 240_000 }]);
      expect(proxy.parts()).toBe(2);
    } finally {
      proxy.close();
    }

    const piped = ['objects', 'put', 'piped', '-', '--name', 'p.ndjson', '--wait', '300', '--json'];
    expect(JSON.parse((await ok(piped, { stdin: bytes })).stdout).items).toMatchObject([
      { state: 'committed', rowsCommitted: 240_000, sizeBytes: bytes.length },
    ]);
  });
});

/** A proxy that counts the parts that are put, and cuts the connection in the midst of the one asked for. */
async function cuttingProxy(
  port: string,
  cutPart = 0,
  afterBytes = 0,
): Promise<{ url: string; cuts(): number; parts(): number; close(): void }> {
  let parts = 0;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1');
    sockets.add(near).add(far);
    let bytes = 0;
    let cutting = false;
    near.on('data', (chunk) => {
      if (/^PUT .*\/parts\//.test(chunk.subarray(0, 200).toString('latin1'))) {
        bytes = 0;
        cutting = ++parts === cutPart;
      }
      bytes += chunk.length;
      if (cutting && bytes > afterBytes) {
        cuts++;
        cutting = false;
        near.destroy();
        far.destroy();
        return;
      }
      if (!far.write(chunk)) {
        near.pause();
        far.once('drain', () => near.resume());
      }
    });
    far.on('data', (chunk) => near.write(chunk));
    near.on('close', () => far.destroy()).on('error', () => {});
    far.on('close', () => near.destroy()).on('error', () => {});
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    cuts: () => cuts,
    parts: () => parts,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const PIPELINES = `
apiVersion: orasi.io/v1alpha1
kind: Pipeline
metadata:
  name: first
  labels: { team: a }
spec:
  dataset: first
  indexes:
    - { name: by_a, kind: btree, fields: [a] }
---
apiVersion: orasi.io/v1alpha1
kind: Pipeline
metadata:
  name: second
spec:
  dataset: second
`;

describe('resources', () => {
  test('a file of several is applied, applied again without effect, changed, got, watched and deleted', async () => {
    const file = inHome('pipelines.yaml', PIPELINES);
    expect((await ok(['apply', '-f', file, '--dry-run'])).stdout).toContain('pipeline/first created (dry run)');
    expect((await ok(['apply', '-f', file])).stdout).toBe('pipeline/first created\npipeline/second created\n');
    expect((await ok(['get', 'pipelines', 'first'])).stdout).toMatch(
      /^apiVersion: orasi.io\/v1alpha1\nkind: Pipeline\n/,
    );
    await settledGeneration('first');
    expect((await ok(['apply', '-f', '-'], { stdin: PIPELINES })).stdout).toBe(
      'pipeline/first unchanged\npipeline/second unchanged\n',
    );
    expect((await ok(['get', 'pipelines'])).stdout).toMatch(/^NAME .*\nfirst .*\nsecond /);
    expect((await ok(['get', 'pipelines', '-l', 'team=a'])).stdout).not.toContain('second');

    // What the file does not say any more is gone.
    const less = PIPELINES.replace(/ {2}indexes:\n.*\n/, '');
    expect((await ok(['apply', '-f', '-'], { stdin: less })).stdout).toContain('pipeline/first configured');
    const first = JSON.parse((await ok(['get', 'Pipeline', 'first', '--json'])).stdout);
    expect(first.spec.indexes ?? []).toEqual([]);

    const stale = { ...first, metadata: { ...first.metadata, resourceVersion: '1' } };
    const refused = await orasi.run(['apply', '-f', '-'], { stdin: JSON.stringify(stale) });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('(409 Conflict)');
    const misspelt = await orasi.run(['apply', '-f', '-'], { stdin: PIPELINES.replaceAll('dataset:', 'datasett:') });
    expect(misspelt).toMatchObject({ code: 1 });
    expect(misspelt.stderr).toContain('datasett');

    const watched = spawn(process.execPath, [ORASI, 'watch', 'pipelines', 'second'], {
      env: {
        ...process.env,
        ORASI_URL: instance.url,
        ORASI_TOKEN: instance.adminToken,
      } as unknown as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const seen: string[] = [];
    const gone = new Promise<void>((resolve) => {
      watched.stdout.setEncoding('utf8').on('data', (text: string) => {
        seen.push(text);
        if (seen.join('').includes('ADDED') && seen.length === 1) void ok(['delete', '-f', file]);
        if (seen.join('').includes('DELETED')) resolve();
      });
    });
    await gone;
    expect(seen.join('')).toMatch(/^ADDED {5}pipeline\/second\n(.*\n)*DELETED {3}pipeline\/second\n$/);
    const ended = new Promise((resolve) => watched.on('close', (_code, signal) => resolve(signal)));
    watched.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
    expect((await orasi.run(['get', 'pipelines', 'first'])).stderr).toContain('(404 NotFound)');
  });

  test('a file may name another version of a kind than the usual, and a table shows every column where asked', async () => {
    const route = `apiVersion: gateway.networking.k8s.io/v1beta1
kind: HTTPRoute
metadata: { name: by-file }
spec: { hostnames: [by-file.example] }
`;
    expect((await ok(['apply', '-f', '-'], { stdin: route })).stdout).toBe('httproute/by-file created\n');
    expect((await ok(['get', 'httproutes', 'by-file'])).stdout).toMatch(/^apiVersion: gateway.networking.k8s.io\/v1\n/);
    expect((await ok(['get', 'httproutes'])).stdout).toMatch(/^NAME +HOSTNAMES +AGE\n/);
    expect((await ok(['get', 'httproutes', '--wide'])).stdout).toMatch(/^NAME +HOSTNAMES +AGE +ACCEPTED +REASON/);
    expect((await ok(['kinds'])).stdout.match(/^httproutes /gm)).toHaveLength(1);
    expect((await ok(['delete', '-f', '-'], { stdin: route })).stdout).toContain('by-file');
  });

  test('a kind nobody knows is said before anything is changed', async () => {
    const unknown = `${PIPELINES}---\napiVersion: v9\nkind: Riddle\nmetadata: { name: x }\n`;
    const refused = await orasi.run(['apply', '-f', '-'], { stdin: unknown });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('there is no kind Riddle in v9');
    expect((await ok(['get', 'pipelines', '--json'])).stdout).not.toContain('"second"');
    expect((await orasi.run(['get', 'riddles'])).code).toBe(2);
  });

  test('of files in which the server refuses a document nothing is applied, and each that is refused is named', async () => {
    const route = gatewayRoute('open', 'open.example');
    const policy = 'apiVersion: orasi.io/v1alpha1\nkind: AuthPolicy\nmetadata: { name: keys }\nspec: {}\n';
    const file = inHome('open.yaml', `${route}---\n${policy}---\n${policy.replace('keys', 'others')}`);
    const refused = await orasi.run(['apply', '-f', file]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    const [summary, ...lines] = refused.stderr.trimEnd().split('\n');
    expect(summary).toBe('orasi: 2 of 3 documents refused: nothing is applied');
    expect(lines.map((line) => line.trim().slice(0, line.trim().indexOf(': ')))).toEqual([
      `${file}, document 2, authpolicy/keys`,
      `${file}, document 3, authpolicy/others`,
    ]);
    expect(lines[0]).toMatch(/targetRefs.* \(422 Invalid\)$/);
    expect((await orasi.run(['get', 'httproutes', 'open'])).code).toBe(1);

    const checked = await orasi.run(['apply', '-f', file, '--dry-run']);
    expect(checked).toMatchObject({ code: 1, stdout: 'httproute/open created (dry run)\n' });
    expect(checked.stderr).toContain('2 of 3 documents would be refused');
  });

  test('a file may make a namespace and what is in it, which is checked once that is there', async () => {
    const inNamespace = (name: string, kind: string) =>
      `apiVersion: orasi.io/v1alpha1\nkind: Pipeline\nmetadata: { name: p, namespace: ${name} }\nspec: { ${kind}: a }\n`;
    const namespace = (name: string) => `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`;
    const good = `${namespace('crew-a')}---\n${inNamespace('crew-a', 'dataset')}`;
    const tried = await ok(['apply', '-f', '-', '--dry-run'], { stdin: good });
    expect(tried.stdout).toBe(
      'namespace/crew-a created (dry run)\npipeline/p not checked: namespace crew-a is not there yet (dry run)\n',
    );
    const applied = await ok(['apply', '-f', '-'], { stdin: good });
    expect(applied.stdout).toBe('namespace/crew-a created\npipeline/p created\n');

    const bad = `${gatewayRoute('beside', 'beside.example')}---\n${namespace('crew-b')}---\n${inNamespace('crew-b', 'datasett')}`;
    const refused = await orasi.run(['apply', '-f', '-'], { stdin: bad });
    expect(refused).toMatchObject({ code: 1, stdout: 'namespace/crew-b created\n' });
    expect(refused.stderr).toContain('standard input, document 3, pipeline/p: ');
    expect((await orasi.run(['get', 'httproutes', 'beside'])).code).toBe(1);
    const missing = await orasi.run(['apply', '-f', '-'], { stdin: inNamespace('crew-c', 'dataset') });
    expect(missing.stderr).toMatch(
      /1 of 1 documents refused: nothing is applied\n {2}standard input, pipeline\/p: .*crew-c/,
    );
  });

  test('a folder is every file of YAML and JSON in it, by name', async () => {
    const folder = join(orasi.home, 'manifests');
    mkdirSync(join(folder, 'below.yaml'), { recursive: true });
    const pipeline = (name: string) => ({
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'Pipeline',
      metadata: { name },
      spec: { dataset: 'files' },
    });
    for (const [file, name] of [
      ['b.json', 'of-json'],
      ['a.yaml', 'of-yaml'],
      ['c.YML', 'of-yml'],
      ['d.txt', 'of-text'],
    ])
      writeFileSync(join(folder, file), JSON.stringify(pipeline(name)));
    expect((await ok(['apply', '-f', folder])).stdout).toBe(
      'pipeline/of-yaml created\npipeline/of-json created\npipeline/of-yml created\n',
    );
    expect((await ok(['delete', '-f', folder])).stdout).toMatch(/^(pipeline\/of-\w+ deleted\n){3}$/);
    const empty = await orasi.run(['apply', '-f', join(folder, 'below.yaml')]);
    expect(empty.stderr).toBe(`orasi: ${join(folder, 'below.yaml')} holds no .yaml, .yml or .json file\n`);
  });

  test('resources are got of every namespace, and in the form asked for', async () => {
    const elsewhere = `apiVersion: v1
kind: Namespace
metadata: { name: elsewhere }
---
apiVersion: orasi.io/v1alpha1
kind: Pipeline
metadata: { name: far, namespace: elsewhere }
spec: { dataset: far }
`;
    await ok(['apply', '-f', '-'], { stdin: elsewhere });
    expect((await ok(['get', 'pipelines', '-A'])).stdout).toMatch(/^NAMESPACE +NAME .*\n(.*\n)*elsewhere +far /);
    expect((await ok(['get', 'pipelines'])).stdout).not.toContain('far');
    expect((await ok(['get', 'namespaces', '-A'])).stdout).toMatch(/^NAME /);
    expect((await ok(['get', 'gateways', 'default', '-o', 'table'])).stdout).toMatch(/^NAME .*\ndefault /);
    expect((await ok(['get', 'gateways', '-o', 'yaml'])).stdout).toMatch(/^apiVersion: .*\nkind: GatewayList\n/);
    expect(JSON.parse((await ok(['get', 'gateway', 'default', '-o', 'json'])).stdout)).toMatchObject({
      kind: 'Gateway',
    });
    expect((await ok(['get', 'httproutes', '-o', 'wide'])).stdout).toMatch(/^NAME +HOSTNAMES +AGE +ACCEPTED +REASON/);
    expect((await orasi.run(['get', 'gateways', 'default', '-A'])).code).toBe(2);
  });
});

const gatewayRoute = (name: string, host: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name} }
spec: { parentRefs: [{ name: default }], hostnames: [${host}] }
`;

test('versions of the gateway are listed, compared, gone back to and let go', async () => {
  const versions = async () =>
    JSON.parse((await ok(['gateway', 'versions', '--json'])).stdout) as {
      items: { version: number }[];
      pinnedVersion: number | null;
    };
  await ok(['apply', '-f', '-'], { stdin: gatewayRoute('first', 'first.example') });
  const first = await until('it is published', async () => (await versions()).items.at(0));
  await ok(['apply', '-f', '-'], { stdin: gatewayRoute('second', 'second.example') });
  const second = await until('the second is published as well', async () => {
    const [newest] = (await versions()).items;
    return newest.version > first.version && newest;
  });
  const range = [String(first.version), String(second.version)];
  expect((await ok(['gateway', 'diff', ...range])).stdout).toMatch(
    /^CHANGE +KIND +NAME +HOST\n(.*\n)*added +route +default\/second +http:\/\/second\.example\n/,
  );
  expect((await ok(['gateway', 'rollback', range[0]])).stdout).toMatch(/^version \d+ is held to: changes wait/);
  await until('it is published again', async () => (await versions()).items[0].version > second.version);
  const table = await ok(['gateway', 'versions']);
  expect(table.stdout).toMatch(new RegExp(`^VERSION .*\\n +\\d+ .* ${range[0]} +yes\\n`));
  expect(table.stderr).toContain(`version ${range[0]} is held to`);
  const explained = await until('the isolate has taken it up', async () => {
    const { stdout } = await orasi.run(['explain', 'GET', 'http://second.example/']);
    return /NotServed|RolledBack/.test(stdout) && stdout;
  });
  expect(explained).toMatch(new RegExp(`\\npinned {5}version ${range[0]} is held to since .*Z; later changes`));
  expect(explained).toMatch(/\ndeclared {3}not in force: default\/second: \w+, /);
  expect((await ok(['gateway', 'release'])).stdout).toBe('what is declared is published\n');
  expect((await versions()).pinnedVersion).toBeNull();
  expect((await orasi.run(['gateway', 'rollback', 'last'])).code).toBe(2);
  expect((await orasi.run(['gateway', 'rollback', '99999'])).stderr).toContain('(404 not_found)');
});

test('a route that no Gateway has taken is told by explain, with its condition', async () => {
  const astray = gatewayRoute('astray', 'astray.example').replace('name: default', 'name: edge');
  await ok(['apply', '-f', '-'], { stdin: astray });
  const told = await until('it is judged', async () => {
    const { stdout } = await orasi.run(['explain', 'GET', 'http://astray.example/']);
    return !stdout.includes('Pending') && stdout;
  });
  expect(told).toContain('client     127.0.0.1, where you ask from');
  expect(told).toMatch(
    /\ndeclared {3}not in force: default\/astray: NoMatchingParent, there is no Gateway default\/edge /,
  );
});

/** Waits until the reconciler has written what it has to say of a pipeline. */
async function settledGeneration(name: string): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    const { metadata, status } = JSON.parse((await ok(['get', 'pipeline', name, '--json'])).stdout);
    if (status?.observedGeneration === metadata.generation) return;
  }
  throw new Error(`pipeline ${name} is not reconciled`);
}

describe('tasks', () => {
  test('a task is submitted, looked at, asked why it waits, watched to its end, and another one cancelled', async () => {
    const queue = '/v1/namespaces/default/queues/work';
    const call = async <T>(path: string, body: object) =>
      (await (await instance.fetch(queue + path, { method: 'POST', body: JSON.stringify(body) })).json()) as T;
    const submitted = await ok(['tasks', 'submit', 'sum', '[1,2]', '--queue', 'work', '--priority', 'High']);
    const taskId = submitted.stdout.trim();
    const waiting = JSON.parse((await ok(['tasks', 'get', taskId, '--queue', 'work'])).stdout);
    expect(waiting).toMatchObject({ taskId, type: 'sum', priority: 'High', status: 'Pending', payload: [1, 2] });
    expect((await ok(['tasks', 'why', taskId, '--queue', 'work'])).stdout).toMatch(/^.+\n/);
    const { items } = await call<{ items: { leaseToken: string }[] }>('/claims', { agentId: 'a', types: ['sum'] });
    const watching = ok(['tasks', 'watch', taskId, '--queue', 'work']);
    const results = [{ taskId, leaseToken: items[0].leaseToken, success: true, data: 3 }];
    await call('/results', { results });
    expect((await watching).stdout).toMatch(new RegExp(`^(${taskId} {2}Running\n)?${taskId} {2}Completed\n3\n$`));

    const [other] = JSON.parse((await ok(['tasks', 'submit', 'sum', '--queue', 'work', '--json'])).stdout).items;
    expect((await ok(['tasks', 'cancel', other.taskId, '--queue', 'work'])).stdout).toContain('Cancelled');
    expect((await ok(['tasks', 'list', '--queue', 'work'])).stdout.trim().split('\n')).toHaveLength(3);
    const cancelled = await orasi.run(['tasks', 'watch', other.taskId, '--queue', 'work']);
    expect(cancelled).toMatchObject({ code: 1, stderr: 'orasi: the task is Cancelled\n' });
    const failing = ['tasks', 'submit', 'sum', '--queue', 'work', '--expires-at', '2020-01-01T00:00:00Z', '--json'];
    const [failed] = JSON.parse((await ok(failing)).stdout).items;
    expect((await ok(['queues', 'redrive', 'work', '--type', 'other'])).stdout).toBe('0 redriven\n');
    expect((await ok(['queues', 'redrive', 'work', failed.taskId])).stdout).toBe('1 redriven\n');
    expect((await ok(['queues', 'agents', 'work'])).stdout).toMatch(
      /^AGENT +SHARD +HEALTH +CPU % +SLOTS +TYPES +SINCE\n$/,
    );
    expect((await ok(['queues', 'pause', 'work'])).stdout).toContain('"Paused"');
    expect((await ok(['queues', 'get', 'work'])).stdout).toContain('"Paused"');
    expect((await orasi.run(['tasks', 'submit', 'sum', '{oops'])).code).toBe(2);
  });
});

describe('clusters', () => {
  const at = ['--cluster', 'crew'];
  const beat = (memberId: string) =>
    instance.fetch(`/v1/namespaces/default/clusters/crew/members/${memberId}`, {
      method: 'PUT',
      body: '{"status":"Running","zone":"north"}',
    });

  test('members, leader and elections are shown, followed and brought about', async () => {
    expect(await orasi.run(['cluster', 'leader', ...at])).toMatchObject({ code: 1, stderr: 'orasi: nobody leads\n' });
    await beat('a');
    await beat('b');
    expect((await ok(['cluster', 'members', ...at])).stdout).toMatch(
      /^MEMBER +STATUS .*\na +Running +Active +Elected +north .*\nb +Running +Active +Following /,
    );
    expect(JSON.parse((await ok(['cluster', 'members', 'b', ...at])).stdout)).toMatchObject({ memberId: 'b' });
    expect((await ok(['cluster', 'leader', ...at])).stdout).toMatch(/^LEADER .*\na +4294967297 +\d+\n$/);
    const watching = ok(['cluster', 'watch', ...at, '--revision', '3', '--count', '2']);
    expect((await ok(['cluster', 'resign', 'a', ...at])).stderr).toBe('b leads\n');
    expect((await watching).stdout).toMatch(
      /^4 .* leader {2}nobody {2}\(resigned\)\n5 .* leader {2}b {2}\(automatic\)\n$/,
    );
    expect((await ok(['cluster', 'election', ...at])).stdout).toMatch(/^AT .*\n.* 2 +b +elected +automatic\n/);
    await ok(['cluster', 'campaign', 'a', ...at]);
    expect((await orasi.run(['cluster', 'vote', 'a', 'b', '--term', '2', ...at])).stderr).toContain(
      'there are no votes',
    );
    expect((await orasi.run(['cluster', 'watch', ...at, '--revision', '999'])).stderr).toContain(
      'history begins after 0',
    );
  });

  test('keys are written, held to what they were, listed, followed and deleted; a backup brings them back', async () => {
    expect((await ok(['cluster', 'kv', 'put', 'config/mode', 'fast', ...at])).stdout).toBe('2\n');
    expect((await ok(['cluster', 'kv', 'get', 'config/mode', ...at])).stdout).toBe('fast\n');
    const raced = await orasi.run(['cluster', 'kv', 'put', 'config/mode', 'slow', '--if-absent', ...at]);
    expect(raced).toMatchObject({ code: 1 });
    await ok(['cluster', 'kv', 'put', 'config/mode', '-', '--if-revision', '2', ...at], { stdin: 'slow' });
    const watched = await ok(['cluster', 'kv', 'watch', 'config/', '--revision', '1', '--count', '2', ...at]);
    expect(watched.stdout).toBe('2  put  config/mode  fast\n3  put  config/mode  slow\n');
    expect((await ok(['cluster', 'kv', 'list', 'config/', ...at])).stdout).toBe(
      'KEY          VALUE  REVISION  LEASE\nconfig/mode  slow          3\n',
    );
    const backupId = (await ok(['cluster', 'backup', ...at])).stdout.trim();
    await ok(['cluster', 'kv', 'delete', 'config/mode', ...at]);
    expect((await orasi.run(['cluster', 'kv', 'delete', 'config/mode', ...at])).code).toBe(1);
    expect((await ok(['cluster', 'backups', ...at])).stdout).toContain(backupId);
    expect((await ok(['cluster', 'restore', backupId, ...at])).stderr).toMatch(/^restored: revision \d+, epoch \d+\n$/);
    expect((await ok(['cluster', 'kv', 'get', 'config/mode', ...at])).stdout).toBe('slow\n');
  });
});

describe('keys', () => {
  test('a key is created, allows what its role does, is listed and revoked', async () => {
    const token = (await ok(['keys', 'create', '--role', 'reader', '--label', 'test'])).stdout.trim();
    expect(token).toMatch(/^orasi_/);
    const env = { ORASI_TOKEN: token };
    await ok(['datasets', 'list'], { env });
    const refused = await orasi.run(['keys', 'list'], { env });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('(403 forbidden)');
    const listed = (await ok(['keys', 'list', '--json'])).stdout;
    expect(listed).not.toContain(token);
    const [key] = JSON.parse(listed).items;
    expect(key).toMatchObject({ role: 'reader', label: 'test' });
    await ok(['keys', 'revoke', key.keyId]);
    const revoked = JSON.parse((await ok(['keys', 'list', '--json'])).stdout).items[0];
    expect(revoked.revokedAt).toBeDefined();
  });
});

describe('what goes wrong', () => {
  test('is one sentence on standard error, with 1 for what failed and 2 for how it was called', async () => {
    const failures: [string[], number, RegExp][] = [
      [['datasets', 'get', 'nowhere'], 1, /^orasi: there is no dataset "nowhere" \(404 not_found\)\n$/],
      [['-n', 'nowhere', 'datasets', 'list'], 1, /^orasi: .*nowhere.* \(404 not_found\)\n$/],
      [['query', 'SELECT FROM WHERE'], 1, /^orasi: .* \(400 invalid_sql\)/],
      [['objects', 'put', 'x', '/no/such/file'], 1, /^orasi: \/no\/such\/file cannot be read: ENOENT.*\n$/],
      [['keys', 'create'], 2, /^orasi: --role is missing\n$/],
      [
        ['keys', 'create', '--role', 'king'],
        2,
        /^orasi: --role: expected admin, agent, ingester, reader, got "king"\n$/,
      ],
      [['objects', 'put'], 2, /^orasi: DATASET is missing: /],
      [['objects', 'frobnicate'], 2, /^orasi: there is no command "objects frobnicate"; /],
      [
        ['datasets', 'list', '--colour'],
        2,
        /^orasi: unknown option '--colour'; `orasi datasets list --help` lists what there is\n$/,
      ],
      [['query', 'SELECT 1', '--max-rows', 'many'], 2, /^orasi: --max-rows: expected a whole NUMBER from 1 to /],
    ];
    for (const [args, code, message] of failures) {
      const ran = await orasi.run(args);
      expect(ran.stderr).toMatch(message);
      expect(ran).toMatchObject({ code, stdout: '' });
    }
    const asJson = await orasi.run(['datasets', 'get', 'nowhere', '--json']);
    expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { status: 404, code: 'not_found' } });
    const wrong = await orasi.run(['datasets', 'list'], { env: { ORASI_TOKEN: 'wrong' } });
    expect(wrong.stderr).toMatch(/\(401 unauthorized\); check the token/);
  });

  test('a reader that stops early ends the command in silence', () => {
    const many =
      'SELECT i.a FROM (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) AS i(a), (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) AS j(b)';
    const script = `set -o pipefail; "${process.execPath}" "${ORASI}" query "${many}" -o ndjson | head -1`;
    const env = {
      PATH: process.env['PATH'],
      HOME: orasi.home,
      ORASI_URL: instance.url,
      ORASI_TOKEN: instance.adminToken,
    };
    const ran = spawnSync('bash', ['-c', script], { env: env as unknown as NodeJS.ProcessEnv, encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 0, stderr: '', stdout: '{"a":1}\n' });
  });
});

describe('the shell', () => {
  test('the scripts of completion are sound, and ask for what may follow', async () => {
    const bash = (await ok(['completion', 'bash'])).stdout;
    const checked = spawnSync('bash', ['-n'], { input: bash, encoding: 'utf8' });
    expect(checked).toMatchObject({ status: 0, stderr: '' });
    // The function itself, with our command under the name it has when installed.
    const script = `orasi() { "${process.execPath}" "${ORASI}" "$@"; }
${bash}
COMP_WORDS=(orasi objects q) COMP_CWORD=2
_orasi
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: process.env['PATH'], HOME: orasi.home } as unknown as NodeJS.ProcessEnv;
    expect(execFileSync('bash', ['-c', script], { encoding: 'utf8', env })).toBe('quarantine\n');
    for (const shell of ['zsh', 'fish']) {
      const text = (await ok(['completion', shell])).stdout;
      const parsed = spawnSync(shell, ['-n'], { input: text, encoding: 'utf8' });
      if (parsed.error !== undefined) console.warn(`${shell} is not here: its script is not parsed`);
      else expect(parsed).toMatchObject({ status: 0, stderr: '' });
    }
  });

  test('every command says how it is used', async () => {
    const all = (await ok(['--help'])).stdout;
    const commands = /\nCommands\n([\s\S]*?)\n\n/
      .exec(all)![1]
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/)[0]);
    expect(commands.length).toBeGreaterThan(20);
    for (const command of ['objects put', 'query', 'apply']) {
      expect(commands).toContain(command);
      expect((await ok([...command.split(' '), '--help'])).stdout).toMatch(new RegExp(`^orasi ${command}`));
    }
  });
});

describe('an older Node', () => {
  test('runs it as well', async () => {
    const older = (process.env['PATH'] ?? '')
      .split(delimiter)
      .map((folder) => join(folder, 'node'))
      .find((node) => /^v20\./.test(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout ?? ''));
    if (older === undefined) console.warn('there is no Node 20 on the PATH: it is asked of this one');
    const env = { ORASI_URL: instance.url, ORASI_TOKEN: instance.adminToken };
    const command = orasiProcess(env, older ?? process.execPath);
    try {
      expect(await command.run(['datasets', 'list'])).toMatchObject({ code: 0, stderr: '' });
      const applied = await command.run(['apply', '-f', '-'], { stdin: PIPELINES.split('---')[0] });
      expect(applied).toMatchObject({ code: 0, stdout: 'pipeline/first created\n', stderr: '' });
      const missing = await command.run(['datasets', 'get', 'nowhere']);
      expect(missing).toMatchObject({ code: 1, stderr: 'orasi: there is no dataset "nowhere" (404 not_found)\n' });
    } finally {
      command.remove();
    }
  });
});
