import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { unstable_readConfig as readWranglerConfig } from 'wrangler';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';
import { readConfig } from '../../src/config.ts';

interface Consumer {
  readonly queue: string;
  readonly max_retries: number;
  readonly dead_letter_queue?: string;
}

const wrangler = readWranglerConfig({ config: join(PROJECT_ROOT, 'wrangler.toml') }, { hideWarnings: true });
const consumers: Consumer[] = wrangler.queues.consumers ?? [];
const manifest = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));

describe('the deployment', () => {
  test('gives the Worker vars that it accepts, which name its bucket and version', () => {
    const config = readConfig(wrangler.vars);
    expect(config.bucketName).toBe(wrangler.r2_buckets[0]?.bucket_name);
    expect(config.version).toBe(manifest.version);
  });

  test('names no var that the Worker does not read', () => {
    const source = readFileSync(join(PROJECT_ROOT, 'src/config.ts'), 'utf8');
    const unread = [...Object.keys(wrangler.vars), ...(wrangler.secrets?.required ?? [])].filter(
      (name) => !source.includes(name),
    );
    expect(unread).toEqual([]);
  });

  test('gives every queue a dead-letter queue, and that one a consumer', () => {
    const consumed = new Set(consumers.map((consumer) => consumer.queue));
    const deadLetters = new Set(consumers.flatMap((consumer) => consumer.dead_letter_queue ?? []));
    const producers: { queue: string }[] = wrangler.queues.producers ?? [];
    for (const { queue } of producers) {
      const consumer = consumers.find((candidate) => candidate.queue === queue);
      expect(consumer?.dead_letter_queue, queue).toBeDefined();
    }
    for (const queue of deadLetters) expect(consumed, queue).toContain(queue);
  });

  test('runs on no later date than the pinned runtime knows', () => {
    const { version } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'node_modules/workerd/package.json'), 'utf8'));
    const [, year, month, day] = /^1\.(\d{4})(\d{2})(\d{2})\./.exec(version)!;
    expect(wrangler.compatibility_date! <= `${year}-${month}-${day}`).toBe(true);
  });

  test('numbers its migrations without gaps', () => {
    const numbers = readdirSync(join(PROJECT_ROOT, 'migrations'))
      .filter((name) => name.endsWith('.sql'))
      .sort()
      .map((name) => Number(name.slice(0, 4)));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test('pins every dependency, and every one has its line in docs/dependencies.md', () => {
    const pages = readFileSync(join(PROJECT_ROOT, 'docs/dependencies.md'), 'utf8');
    const all: Record<string, string> = {
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    };
    const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version));
    expect(loose).toEqual([]);
    // Types of a named package come with it.
    const unnamed = Object.keys(all).filter(
      (name) => !name.startsWith('@types/') && !new RegExp(`[| ,]${name}[ ,|]`).test(pages),
    );
    expect(unnamed).toEqual([]);
  });
});
