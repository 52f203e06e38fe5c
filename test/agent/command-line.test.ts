import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../agent/cli/command.ts';
import { COMMANDS } from '../../agent/cli/commands.ts';
import { complete } from '../../agent/cli/completion.ts';
import { resolveConnection } from '../../agent/cli/connection.ts';
import { commandHelp, groupHelp } from '../../agent/cli/help.ts';
import { parseManifests } from '../../agent/cli/manifests.ts';
import { readPages } from '../../agent/cli/pages.ts';
import { parse } from '../../agent/cli/parse.ts';
import { progressText } from '../../agent/cli/progress.ts';
import { parseSize, sizeText } from '../../agent/cli/size-text.ts';
import { textTable } from '../../agent/cli/text-table.ts';
import { pauseMs } from '../../agent/client/backoff.ts';
import { createClient, pathOf } from '../../agent/client/client.ts';
import { partBytesFor } from '../../agent/client/upload.ts';
import { parameterOf } from '../../agent/commands/query.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { seededRandom } from '../../src/core/random.ts';

const parsed = (line: string) => parse(line.split(' '), COMMANDS);

describe('a command line', () => {
  test('may have its options before, between and after the words', () => {
    for (const line of [
      '-n a objects put d f',
      'objects -n a put d f',
      'objects put d f -n a',
      'objects put -na d f',
    ]) {
      const { command, args, options } = parsed(line);
      expect(command?.words).toEqual(['objects', 'put']);
      expect(args).toEqual(['d', 'f']);
      expect(options.text('namespace')).toBe('a');
    }
  });

  test('ends its options at --, and takes words after the first argument as arguments', () => {
    expect(parsed('objects put list get -- --name').args).toEqual(['list', 'get', '--name']);
    expect(parsed('query -- -1').args).toEqual(['-1']);
    expect(parsed('objects what put').command).toBeNull();
  });

  test('is refused with what is wrong about it', () => {
    for (const [line, message] of [
      ['objects get', /OBJECT is missing: orasi objects get OBJECT/],
      ['objects get a b', /"b" is one argument too many/],
      ['query --output xml x', /--output: expected table, json/],
      ['query --max-rows', /option '.*--max-rows.*' argument missing/],
    ] as const) {
      expect(() => parsed(line)).toThrow(UsageError);
      expect(() => parsed(line)).toThrow(message);
    }
  });

  test('has help for every command, within a line of a terminal for each option', () => {
    for (const command of COMMANDS) {
      expect(commandHelp(command)).toContain(`orasi ${command.words.join(' ')}`);
      if (command.hidden !== true) expect(groupHelp([], COMMANDS)).toContain(command.words.join(' '));
    }
  });
});

describe('completion', () => {
  const words = (line: string) =>
    complete(line.split(' '), COMMANDS, ['local', 'prod']).candidates.map(({ word }) => word);

  test('offers the words, choices, contexts and options that may stand there, and no others', () => {
    expect(words('obj')).toEqual(['objects']);
    expect(words('objects q')).toEqual(['quarantine']);
    expect(words('-n team objects re')).toEqual(['retry']);
    expect(words('keys create --role a')).toEqual(['admin', 'agent']);
    expect(words('context use ')).toEqual(['local', 'prod']);
    expect(words('--context p')).toEqual(['prod']);
    expect(words('objects list --st')).toEqual(['--state']);
    expect(words('gateway r')).toEqual(['rollback', 'release']);
    expect(words('get pods -o y')).toEqual(['yaml']);
    expect(words('completion z')).toEqual(['zsh']);
    expect(words('__')).toEqual([]);
    expect(words('datasets get ')).toEqual([]);
  });

  test('asks for files where a file is meant', () => {
    const files = (line: string) => complete(line.split(' '), COMMANDS, []).files;
    expect(files('objects put d ')).toBe(true);
    expect(files('objects put d a.csv ')).toBe(true);
    expect(files('objects put ')).toBe(false);
    expect(files('apply -f ')).toBe(true);
  });
});

describe('a connection', () => {
  const contexts = {
    current: 'a',
    contexts: {
      a: { url: 'http://a', token: 'token-a', namespace: 'ns-a' },
      b: { url: 'http://b', tokenFile: '/b' },
    },
  };
  const resolved = (line: string, env = {}) =>
    resolveConnection(parsed(`version ${line}`.trim()).options, env, contexts);

  test('is what options say, then the environment, then the context', () => {
    expect(resolved('')).toEqual({ url: 'http://a', token: 'token-a', namespace: 'ns-a' });
    const env = { ORASI_URL: 'http://e', ORASI_TOKEN: 'token-e', ORASI_NAMESPACE: 'ns-e' };
    expect(resolved('', env)).toEqual({ url: 'http://e', token: 'token-e', namespace: 'ns-e' });
    expect(resolved('-n x --token-file /f', env)).toEqual({ url: 'http://e', tokenFile: '/f', namespace: 'x' });
    expect(resolved('--context b', env)).toEqual({ url: 'http://b', tokenFile: '/b', namespace: 'ns-e' });
  });

  test("never sends a context's token to another place", () => {
    expect(resolved('', { ORASI_URL: 'http://elsewhere' })).toEqual({ url: 'http://elsewhere', namespace: 'ns-a' });
    expect(resolved('--url http://a/below')).toMatchObject({ token: 'token-a' });
  });

  test('is refused where no place is named, or none there can be', () => {
    const none = { contexts: {} };
    const { options } = parsed('version');
    expect(() => resolveConnection(options, {}, none)).toThrow(/no platform is named/);
    expect(() => resolveConnection(options, { ORASI_URL: 'file:///etc' }, none)).toThrow(/is not a URL/);
    expect(() => resolved('--context c')).toThrow('there is no context "c"; there is a, b');
  });

  test('asks for nothing where a name would lead to another path', async () => {
    const client = createClient({ url: 'http://127.0.0.1:1/below' });
    for (const path of [pathOf('v1', '..'), pathOf('v1', '.', 'keys'), '/v1/kv/a/../b', '/v1/connect/..?shard=0']) {
      await expect(client.text({ method: 'GET', path })).rejects.toThrow('"." or ".."');
    }
    await expect(client.text({ method: 'GET', path: pathOf('v1', '...', '.a', '%2e%2e') })).rejects.toThrow(
      'no answer',
    );
    client.close();
  });
});

test('a server of TLS that is asked in plain HTTP is told from one that is not there', async () => {
  // A fatal alert, which servers send that take `GET /` for a broken handshake.
  const server = createServer((socket) => void socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 70])));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  await expect(client.text({ method: 'GET', path: '/version' })).rejects.toThrow('is it https and not http?');
  client.close();
  server.close();
});

describe('what is printed', () => {
  test('is as wide as it must be, numbers to the right, and fits a terminal', () => {
    const { header, lines } = textTable(
      ['city', 'n'],
      [
        ['Oslo', 1],
        ['東京', 1000],
        [null, null],
      ],
      undefined,
    );
    expect([header, ...lines]).toEqual(['city     n', 'Oslo     1', '東京  1000', '']);
    const narrow = textTable(['id', 'text'], [['a', 'x'.repeat(200)]], 40);
    expect(narrow.lines[0]).toHaveLength(40);
    expect(narrow.lines[0].endsWith('…')).toBe(true);
  });

  test('cannot steer the terminal', () => {
    const { lines } = textTable(['a'], [['\u001b[31mred\u0007\nnext\u009b2J']], undefined);
    expect(lines[0]).not.toMatch(/\p{Cc}/u);
    expect(lines[0]).toContain('\\nnext');
  });

  test('says sizes and progress in few characters', () => {
    expect([0, 999, 1000, 12_345_678, 5e12].map(sizeText)).toEqual(['0 B', '999 B', '1.0 kB', '12.3 MB', '5.0 TB']);
    expect(progressText('f', 50, 100, 100)).toBe(`f  ${'█'.repeat(12)}${'░'.repeat(12)}   50 %  50 B of 100 B`);
    expect(progressText('f', 2_000_000, null, 1000)).toBe('f  2.0 MB  2.0 MB/s');
  });
});

describe('what is sent', () => {
  test('a parameter is the scalar of JSON it is, or its text; no number loses a digit', () => {
    const cases: [string, unknown][] = [
      ['1', 1],
      ['-2.5', -2.5],
      ['true', true],
      ['null', null],
      ['"1"', '1'],
      ['Oslo', 'Oslo'],
      ['[1]', '[1]'],
      ['9007199254740993', '9007199254740993'],
      ['1e999', '1e999'],
      ['', ''],
    ];
    for (const [text, value] of cases) expect(parameterOf(text)).toEqual(value);
  });

  test('a size is bytes by any unit', () => {
    expect(['16MiB', '16777216', '5 mb', '1k'].map((text) => parseSize('x', text))).toEqual([
      16_777_216, 16_777_216, 5e6, 1000,
    ]);
    expect(() => parseSize('part-size', 'big')).toThrow(UsageError);
  });

  test('parts are as large as the number of them asks for', () => {
    expect(partBytesFor(null)).toBe(LIMITS.uploadPartBytes);
    expect(partBytesFor(1)).toBe(LIMITS.uploadPartBytes);
    const tebibyte = 2 ** 40;
    const partBytes = partBytesFor(tebibyte);
    expect(Math.ceil(tebibyte / partBytes)).toBeLessThanOrEqual(LIMITS.uploadParts);
    expect(partBytes % 2 ** 20).toBe(0);
  });

  test('pauses double up to their cap, each in the upper half of its bound', () => {
    const random = seededRandom(1);
    for (let attempt = 1; attempt < 80; attempt++) {
      const bound = Math.min(15_000, 500 * 2 ** (attempt - 1));
      const ms = pauseMs({ firstMs: 500, capMs: 15_000 }, attempt, random);
      expect(ms).toBeGreaterThanOrEqual(bound / 2);
      expect(ms).toBeLessThanOrEqual(bound);
    }
  });
});

describe('a file of manifests', () => {
  test('is documents of YAML or JSON, lists taken apart, and empty ones left out', () => {
    const one = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name } });
    const text = `---\n${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [one('a'), one('b')] })}\n---\n---\nkind: Secret\napiVersion: v1\nmetadata:\n  name: c\n`;
    expect(parseManifests(text, 'f').map(({ manifest: { metadata }, place }) => [place, metadata.name])).toEqual([
      ['f, document 1, item 1', 'a'],
      ['f, document 1, item 2', 'b'],
      ['f, document 3', 'c'],
    ]);
  });

  test('is refused with the place of its fault', () => {
    for (const [text, message] of [
      ['a: [', /^f:\d+ is not YAML: /],
      ['kind: X', 'f has no apiVersion'],
      ['apiVersion: v1\nkind: X', 'f has no metadata.name'],
      ['apiVersion: v1\nkind: X\nmetadata: {name: a}\n---\n- 1', 'f, document 2 is not an object'],
      ['# nothing', 'f holds no object'],
    ] as const) {
      expect(() => parseManifests(text, 'f')).toThrow(message);
    }
  });
});

test('a list is read over its pages, and no further than asked', async () => {
  const asked: object[] = [];
  const read = async (query: { limit: number; cursor?: string }) => {
    asked.push(query);
    const start = Number(query.cursor ?? 0);
    const items = Array.from({ length: Math.min(query.limit, 2500 - start) }, (_, at) => start + at);
    return { items, ...(start + items.length < 2500 ? { nextCursor: String(start + items.length) } : {}) };
  };
  expect(await readPages(read)).toHaveLength(2500);
  asked.length = 0;
  expect(await readPages(read, 1200)).toHaveLength(1200);
  expect(asked).toEqual([{ limit: 1000 }, { limit: 200, cursor: '1000' }]);
});
