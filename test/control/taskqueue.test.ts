import { describe, expect, test } from 'vitest';
import type { ControlPlaneParts } from '../../src/control/control-plane.ts';
import type { JsonObject } from '../../src/control/json.ts';
import { DEFAULT_BALANCE } from '../../src/core/protocol/balance-settings.ts';
import { DEFAULT_QUEUE_SETTINGS, UNDECLARED_QUEUE } from '../../src/core/protocol/queue-settings.ts';
import { DEFAULT_SCALING } from '../../src/core/protocol/scaling.ts';
import { testPlane } from './fixture.ts';

const QUEUES = { resource: 'taskqueues' };

function queues(queueNotice: ControlPlaneParts['queueNotice'] = async () => {}) {
  const plane = testPlane({ queueNotice });
  const uid = plane.machine.namespaceUid('default') ?? '';
  return {
    ...plane,
    uid,
    put: (name: string, spec: JsonObject) =>
      plane.send('create', { apiVersion: 'orasi.io/v1alpha1', kind: 'TaskQueue', metadata: { name }, spec }, QUEUES),
    patch: (name: string, spec: JsonObject) => plane.send('patch', { spec }, { ...QUEUES, name }),
    delete: (name: string) => plane.call({ ...QUEUES, verb: 'delete', name }),
    get: (name: string) => plane.call({ ...QUEUES, verb: 'get', name }),
    settings: (name: string) => plane.machine.queueSettings(uid, name),
  };
}

describe('the settings of a queue', () => {
  test('are the defaults where nothing is declared, what is declared at once, and the defaults again after it is gone', () => {
    const plane = queues();
    expect(plane.settings('mail')).toEqual({ ...UNDECLARED_QUEUE, namespace: 'default' });
    expect(plane.put('mail', {}).status).toBe(201);
    expect(plane.settings('mail').settings).toEqual(DEFAULT_QUEUE_SETTINGS);
    plane.patch('mail', {
      paused: true,
      shards: 2,
      retry: { maxRetries: 7, delaySeconds: 2 },
      timeoutSeconds: 60,
      limits: {
        queue: { concurrency: 10, rate: { perSecond: 0.5 } },
        perType: [{ type: 'send', concurrency: 4 }],
        perGroup: [{ group: '*', rate: { perSecond: 3, burst: 9 } }],
      },
      groupWeights: [{ group: 'big', weight: 3 }],
      balance: { strategy: 'LoadBased', weights: { memory: 0 } },
      scaling: { maxAgents: 20, tolerance: 0.2, webhook: { url: 'https://a.example/b', secretName: 's' } },
    });
    const { version, settings } = plane.settings('mail');
    expect(settings).toEqual({
      ...DEFAULT_QUEUE_SETTINGS,
      paused: true,
      shards: 2,
      maxRetries: 7,
      retryDelaySeconds: 2,
      timeoutSeconds: 60,
      limits: {
        queue: { concurrency: 10, rate: { perSecond: 0.5, burst: 2 } },
        perType: [{ type: 'send', concurrency: 4, rate: null }],
        perGroup: [{ group: '*', concurrency: null, rate: { perSecond: 3, burst: 9 } }],
      },
      groupWeights: [{ group: 'big', weight: 3 }],
      balance: { ...DEFAULT_BALANCE, strategy: 'LoadBased', weights: { cpu: 0.4, memory: 0, queue: 0.3 } },
      scaling: {
        ...DEFAULT_SCALING,
        maxAgents: 20,
        tolerance: 0.2,
        webhook: { url: 'https://a.example/b', secretName: 's' },
      },
    });
    plane.delete('mail');
    expect(plane.settings('mail').settings).toEqual(DEFAULT_QUEUE_SETTINGS);
    expect(plane.settings('mail').version).toBeGreaterThan(version);
  });

  test('remember the most shards there ever were, through fewer of them and a deletion', () => {
    const plane = queues();
    const shards = () => [plane.settings('mail').settings.shards, plane.settings('mail').shardsEver];
    plane.put('mail', { shards: 4 });
    plane.patch('mail', { shards: 2 });
    expect(shards()).toEqual([2, 4]);
    plane.delete('mail');
    expect(shards()).toEqual([1, 4]);
    plane.put('mail', { shards: 8 });
    expect(shards()).toEqual([8, 8]);
    expect(plane.settings('other').shardsEver).toBe(1);
  });
});

test.each<[JsonObject, string]>([
  [{ shards: 65 }, 'spec.shards'],
  [{ starvationSeconds: 0 }, 'spec.starvationSeconds'],
  [{ retry: { delaySeconds: 10, maxDelaySeconds: 5 } }, 'spec.retry.maxDelaySeconds'],
  [{ limits: { queue: { concurrency: 0 } } }, 'spec.limits.queue.concurrency'],
  [{ limits: { queue: { rate: { burst: 3 } } } }, 'spec.limits.queue.rate.perSecond'],
  [{ limits: { perType: [{ concurrency: 1 }] } }, 'spec.limits.perType[0].type'],
  [{ limits: { perType: [{ type: 'a' }, { type: 'a' }] } }, 'spec.limits.perType[1]'],
  [{ shards: 4, limits: { queue: { concurrency: 3 } } }, 'spec.limits.queue.concurrency'],
  [
    { shards: 4, limits: { perType: [{ type: 'a', rate: { perSecond: 1, burst: 2 } }] } },
    'spec.limits.perType[0].rate.burst',
  ],
  [{ groupWeights: [{ group: 'a', weight: 101 }] }, 'spec.groupWeights[0].weight'],
  [{ balance: { strategy: 'Random' } }, 'spec.balance.strategy'],
  [{ balance: { weights: { cpu: 0, memory: 0, queue: 0 } } }, 'spec.balance.weights'],
  [{ balance: { degradedCpuPercent: 101 } }, 'spec.balance.degradedCpuPercent'],
  [{ scaling: { minAgents: 5, maxAgents: 4 } }, 'spec.scaling.maxAgents'],
  [{ scaling: { minAgents: 11 } }, 'spec.scaling.maxAgents'],
  [{ scaling: { tolerance: 2 } }, 'spec.scaling.tolerance'],
  [{ scaling: { webhook: { url: 'https://a.example' } } }, 'spec.scaling.webhook.secretName'],
  [{ scaling: { webhook: { url: 'ftp://a.example', secretName: 's' } } }, 'spec.scaling.webhook.url'],
  [{ scaling: { webhook: { url: 'https://u:p@a.example', secretName: 's' } } }, 'spec.scaling.webhook.url'],
])('%j is refused with the path of the field', (spec, field) => {
  const refused = queues().put('mail', spec);
  expect(refused.status).toBe(422);
  expect(refused.json.details).toMatchObject({ causes: [{ field }] });
});

test('a declared queue says that it is in force, with the generation that is, and its objects are told', async () => {
  const told: [string, number, boolean][] = [];
  const plane = queues(async (name, { version, settings }) => {
    told.push([name, version, settings.paused]);
  });
  plane.put('mail', { paused: true });
  plane.patch('mail', { paused: false });
  await plane.settle();
  expect(told.at(-1)).toEqual([`${plane.uid}/mail`, plane.settings('mail').version, false]);
  expect(plane.get('mail').json.status).toMatchObject({
    observedGeneration: 2,
    conditions: [{ type: 'Accepted', status: 'True', observedGeneration: 2 }],
  });
  plane.patch('mail', { paused: true });
  plane.delete('mail');
  await plane.settle();
  expect(told.at(-1)).toEqual([`${plane.uid}/mail`, plane.settings('mail').version, false]);
});
