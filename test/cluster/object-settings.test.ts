import { expect, test } from 'vitest';
import { ObjectSettings } from '../../durable-objects/object-settings.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT };

/** Settings of an object whose storage outlives it. */
function world() {
  const kept = new Map<string, unknown>();
  let writes = 0;
  const storage = {
    get: (key: string) => kept.get(key),
    put(key: string, value: unknown) {
      writes += 1;
      kept.set(key, structuredClone(value));
    },
  } as unknown as SyncKvStorage;
  let answer: { version: number; settings: string } | null = null;
  const load = async () => {
    if (answer === null) throw new Error('the control plane is down');
    return { ...answer, namespace: 'default' };
  };
  return {
    boot: () => new ObjectSettings(storage, 'usual', load, SILENT),
    answer(version: number, settings: string) {
      answer = { version, settings };
    },
    outage() {
      answer = null;
    },
    writes: () => writes,
  };
}

test('the last good settings stay in force while nobody answers, and are those of the next life', async () => {
  const { boot, answer, outage } = world();
  const object = boot();
  expect([await object.renew(), object.present]).toEqual([false, 'usual']);
  answer(3, 'declared');
  expect([await object.renew(), object.present]).toEqual([true, 'declared']);
  outage();
  expect([await object.renew(), object.present]).toEqual([false, 'declared']);
  const next = boot();
  expect([await next.renew(), next.present]).toEqual([false, 'declared']);
});

test('an answer older than what is known changes nothing, and one that says the same is not written', async () => {
  const { boot, answer, writes } = world();
  const object = boot();
  answer(0, 'usual');
  await object.renew();
  answer(5, 'usual');
  expect([await object.renew(), writes()]).toEqual([false, 0]);
  answer(7, 'declared');
  await object.renew();
  answer(6, 'before');
  expect([await object.renew(), object.present, writes()]).toEqual([false, 'declared', 1]);
  const next = boot();
  expect([await next.renew(), next.present]).toEqual([false, 'declared']);
});
