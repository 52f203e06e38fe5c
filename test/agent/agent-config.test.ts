import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { FieldsError } from '../../agent/cli/command.ts';
import { fixedFieldsChanged, readAgentConfig, reloaded } from '../../agent/process/config.ts';
import { taskTypesOf } from '../../agent/process/task-types.ts';

const folder = mkdtempSync(join(tmpdir(), 'orasi-agent-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (text: string): string => {
  const path = join(folder, 'agent.yaml');
  writeFileSync(path, text);
  return path;
};
const read = (text: string, env = {}, options: Record<string, string[]> = {}) =>
  readAgentConfig(file(text), { HOME: '/home/a', ...env }, (name) => options[name] ?? []);
const faults = (reading: Promise<unknown>) =>
  reading.then(
    () => [],
    (error: unknown) =>
      error instanceof FieldsError ? error.errors.map(({ path, message }) => `${path}: ${message}`) : error,
  );

describe("an agent's configuration", () => {
  test('is its options, else the environment, else the file, else what is usual', async () => {
    const env = {
      ORASI_AGENT_QUEUE: 'b',
      ORASI_AGENT_ZONE: 'y',
      ORASI_AGENT_HTTP_HOSTS: 'c,d',
      ORASI_AGENT_CLUSTER: '',
    };
    const config = await read('queue: a\nzone: z\nconcurrency: 3\n', env, {
      queue: ['c'],
      commands: ['ls,cat', 'true'],
    });
    expect(config).toMatchObject({
      ...{ queue: 'c', zone: 'y', concurrency: 3, httpHosts: ['c', 'd'], commands: ['ls', 'cat', 'true'] },
      ...{ cluster: 'default', host: '127.0.0.1', stateFolder: '/home/a/.local/state/orasi/agent', registry: 'none' },
    });
    expect(config.agentId).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
  });

  test('is refused with every fault and its field', async () => {
    const text =
      'concurrency: many\nspeed: 3\ncommands: [true]\nqueue: a/b\nregistry: zookeeper\nregistryUrls: [etcd:2379]\n';
    expect(await faults(read(text, {}, { port: ['70000'] }))).toEqual([
      'speed: there is no such field',
      'queue: expected ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
      'commands: expected a list of texts',
      'concurrency: expected a whole number from 1 to 1000',
      'port: expected a whole number from 0 to 65535',
      'registry: expected none, etcd, consul',
      'registryUrls: "etcd:2379" does not match ^https?:\\/\\/[^\\s/?#]+\\/?$',
    ]);
    expect(await faults(read('registry: etcd\n'))).toEqual([
      'registryUrls: expected where etcd is, such as http://127.0.0.1:2379',
    ]);
    await expect(read('- a\n')).rejects.toThrow('agent.yaml holds no fields');
    await expect(read('a: [\n')).rejects.toThrow(/agent\.yaml cannot be read: /);
  });

  test('that is loaded anew changes all but what holds for the life of the process', async () => {
    const config = await read('queue: a\nport: 1\nconcurrency: 3\n');
    const next = await read('queue: b\nport: 1\nconcurrency: 4\nzone: z\n');
    expect(fixedFieldsChanged(config, next)).toEqual(['queue']);
    expect(reloaded(config, next)).toMatchObject({ queue: 'a', concurrency: 4, zone: 'z' });
  });

  test('comes to task types, each of another name, and at least one', async () => {
    await expect(taskTypesOf(await read(''))).rejects.toThrow('there is nothing to run');
    const types = await taskTypesOf(await read('commands: [ls]\nhttpHosts: ["*"]\n'));
    expect([...types.keys()]).toEqual(['command', 'http']);
    writeFileSync(join(folder, 'p.mjs'), "export const taskType = { name: 'command', run: async () => {} };");
    const twice = await read(`commands: [ls]\nplugins: ${folder}\n`);
    expect(await faults(taskTypesOf(twice))).toEqual(['plugins: there are two types called "command"']);
    writeFileSync(join(folder, 'p.mjs'), 'export const taskType = { run: async () => {} };');
    expect(await faults(taskTypesOf(twice))).toEqual([
      `plugins: ${join(folder, 'p.mjs')} exports no taskType with a name and a function run`,
    ]);
    // Its address is that of a time, which two writes may share.
    for (const [name, timeoutSeconds] of [
      ['q.mjs', '2_147_484'],
      ['r.mjs', '0'],
    ]) {
      rmSync(join(folder, 'p.mjs'), { force: true });
      const path = join(folder, name);
      writeFileSync(path, `export const taskType = { name: 'q', timeoutSeconds: ${timeoutSeconds}, run() {} };`);
      expect(await faults(taskTypesOf(twice))).toEqual([
        `plugins: ${path}: timeoutSeconds is above 0 and at most 2147483, or left out`,
      ]);
      rmSync(path);
    }
  });
});
