import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const ROOT = dirname(dirname(import.meta.dirname));
const DEPCRUISE = join(ROOT, 'node_modules', '.bin', 'depcruise');
const run = promisify(execFile);

/** What dependency-cruiser finds wrong in a tree, as `rule: from → to` lines. */
async function violations(tree: string): Promise<string[]> {
  const args = ['--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'src', 'durable-objects', 'queues'];
  // It exits with the number of violations.
  const { stdout } = await run(DEPCRUISE, args, { cwd: tree, maxBuffer: 64 << 20 }).catch((error) => error);
  const found = JSON.parse(stdout).summary.violations as { rule: { name: string }; from: string; to: string }[];
  return found.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
}

/** A tree under this project's rule: one exporting file a room, plus the files given. */
async function violationsOf(files: Record<string, string>): Promise<string[]> {
  const tree = mkdtempSync(join(tmpdir(), 'orasi-rooms-'));
  cpSync(join(ROOT, '.dependency-cruiser.mjs'), join(tree, '.dependency-cruiser.mjs'));
  const rooms = ['core', 'columns', 'parquet', 'formats', 'storage', 'query', 'ingest', 'api'];
  const thing = 'export interface Thing { a: 1 }\nexport const thing = 1;\n';
  const all = {
    'package.json': '{ "type": "module" }',
    ...Object.fromEntries(rooms.map((room) => [`src/${room}/thing.ts`, thing])),
    'src/worker.ts': 'export const worker = 1;\n',
    'src/config.ts': 'export const config = 1;\n',
    'durable-objects/object.ts': 'export const object = 1;\n',
    'queues/consumer.ts': 'export const consumer = 1;\n',
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  try {
    return await violations(tree);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

/** Each breaks the rule once: what it is, the file, its import, and where that leads. */
const BREACHES = [
  ['an import up', 'src/core/bad-1.ts', "import { thing } from '../columns/thing.ts';", 'src/columns/thing.ts'],
  [
    'an import up for a type alone',
    'src/core/bad-2.ts',
    "import type { Thing } from '../query/thing.ts';",
    'src/query/thing.ts',
  ],
  ['an import up on the fly', 'src/core/bad-3.ts', "const thing = import('../query/thing.ts');", 'src/query/thing.ts'],
  [
    'an import up that is passed on',
    'src/core/bad-4.ts',
    "export { thing } from '../query/thing.ts';",
    'src/query/thing.ts',
  ],
  [
    'an import sideways between machines',
    'src/ingest/bad-5.ts',
    "import { thing } from '../query/thing.ts';",
    'src/query/thing.ts',
  ],
  [
    'an import sideways below them',
    'src/formats/bad-6.ts',
    "import { thing } from '../storage/thing.ts';",
    'src/storage/thing.ts',
  ],
  ['a machine that knows a door', 'src/query/bad-7.ts', "import { thing } from '../api/thing.ts';", 'src/api/thing.ts'],
  [
    'a door that knows a door',
    'queues/bad-8.ts',
    "import { object } from '../durable-objects/object.ts';",
    'durable-objects/object.ts',
  ],
  [
    'a machine that reads the configuration',
    'src/query/bad-9.ts',
    "import { config } from '../config.ts';",
    'src/config.ts',
  ],
  ['a door that knows the entry', 'src/api/bad-10.ts', "import { worker } from '../worker.ts';", 'src/worker.ts'],
  [
    'a machine that knows the platform',
    'src/query/bad-11.ts',
    "import { env } from 'cloudflare:workers';",
    'cloudflare:workers',
  ],
  ['a Worker with a disk', 'src/storage/bad-12.ts', "import { readFileSync } from 'node:fs';", 'fs'],
  ['a file that is not there', 'src/storage/bad-13.ts', "import { nothing } from './nowhere.ts';", './nowhere.ts'],
  ['a room without a floor', 'src/misc/bad-15.ts', "import { thing } from '../core/thing.ts';", 'src/core/thing.ts'],
  ['two files that need each other', 'src/core/bad-14.ts', "import { egg } from './egg.ts';", 'src/core/egg.ts'],
] as const;

describe('the dependency rule', () => {
  let found: string[] = [];

  beforeAll(async () => {
    found = await violationsOf({
      ...Object.fromEntries(BREACHES.map(([, from, line]) => [from, `${line}\nexport const bad = 1;\n`])),
      'src/core/egg.ts': "import { bad } from './bad-14.ts';\nexport const egg = bad;\n",
    });
  });

  test('holds in this tree', async () => {
    expect(await violations(ROOT)).toEqual([]);
  });

  test('lets a room import from below and from itself, and types refer to each other', async () => {
    const files = {
      'src/query/plan.ts': [
        "import { thing } from './thing.ts';",
        "import type { Thing } from '../core/thing.ts';",
        "import * as storage from '../storage/thing.ts';",
        'export const plan: [Thing | null, number, unknown] = [null, thing, storage];',
      ].join('\n'),
      'queues/ingest.ts': "import { thing } from '../src/ingest/thing.ts';\nexport const consumer = thing;\n",
      'src/core/hen.ts':
        "import type { Egg } from './egg.ts';\nexport interface Hen { egg: Egg }\nexport const hen = 1;\n",
      'src/core/egg.ts':
        "import { hen, type Hen } from './hen.ts';\nexport interface Egg { hen: Hen }\nexport const egg = hen;\n",
    };
    expect(await violationsOf(files)).toEqual([]);
  });

  test.each(BREACHES)('refuses %s', (_what, from, _line, to) => {
    expect(found.filter((violation) => violation.includes(`${from} → ${to}`))).toHaveLength(1);
  });

  test('finds nothing but what is wrong', () => {
    expect(found).toHaveLength(BREACHES.length);
  });
});
