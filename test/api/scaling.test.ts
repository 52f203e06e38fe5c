import { expect, test } from 'vitest';
import type { Subject } from '../../src/access/authorize.ts';
import { createApp } from '../../src/api/app.ts';
import { mountScaling } from '../../src/api/scaling.ts';
import { DEFAULT_SCALING, type ScalingView } from '../../src/core/protocol/scaling.ts';
import type { TaskQueueCalls } from '../../src/core/protocol/tasks.ts';
import { apiBase } from './api-base.ts';

const reader: Subject = { kind: 'api-key', name: 'k', role: 'reader', namespace: 'default', namespaceUid: 'uid' };
const base = apiBase({
  authenticate: async () => reader,
  namespaceUid: async (name) => `uid-of-${name}`,
});
const view: ScalingView = {
  desiredAgents: 5,
  wantedAgents: 7,
  heldBy: 'maxAgents',
  atMs: Date.UTC(2026, 10, 21, 14, 0, 0, 123),
  signals: {
    givesOut: true,
    backlog: 240,
    running: 8,
    oldestAgeSeconds: 12.5,
    arrivalsPerSecond: 3.5,
    servicePerSecond: 1 / 3,
    serviceSeconds: 2.7,
  },
  policy: { ...DEFAULT_SCALING, maxAgents: 5, webhook: { url: 'https://a.example/', secretName: 's' } },
  webhook: {
    toldAgents: 2,
    failures: 3,
    nextAttemptAtMs: Date.UTC(2026, 10, 21, 14, 0, 8),
    lastError: 'it answered 500',
  },
};
const asked: string[] = [];
const app = createApp(base, (surface) =>
  mountScaling(surface, base, (name) => {
    asked.push(name);
    return { scaling: async () => ({ ok: true, value: view }) } as unknown as TaskQueueCalls;
  }),
);
const get = async (path: string) => {
  const response = await app.request(`http://localhost${path}`, {
    headers: { host: 'localhost', authorization: 'Bearer key' },
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
};
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';

test('a queue says how many agents it wants, where KEDA looks for it', async () => {
  const { status, json } = await get('/v1/namespaces/default/queues/emails/scaling');
  expect([status, asked.pop()]).toEqual([200, 'uid-of-default/emails/0']);
  expect(json).toEqual({
    queue: 'emails',
    desiredAgents: 5,
    wantedAgents: 7,
    heldBy: 'maxAgents',
    time: '2026-11-21T14:00:00.123Z',
    backlog: 240,
    running: 8,
    oldestAgeSeconds: 12.5,
    arrivalsPerSecond: 3.5,
    servicePerSecond: 1 / 3,
    serviceSeconds: 2.7,
    policy: {
      minAgents: 0,
      maxAgents: 5,
      slotsPerAgent: 1,
      targetWaitSeconds: 60,
      scaleDownWindowSeconds: 300,
      tolerance: 0.1,
    },
    webhook: {
      url: 'https://a.example/',
      toldAgents: 2,
      failures: 3,
      nextAttemptAt: '2026-11-21T14:00:08.000Z',
      lastError: 'it answered 500',
    },
  });
});

test('the metrics are there as Kubernetes has external metrics: an item a queue, quantities, whole seconds', async () => {
  const path = `${EXTERNAL}/namespaces/default/orasi-queue-service-per-second`;
  const { status, json } = await get(`${path}?labelSelector=${encodeURIComponent('queue in (emails, images)')}`);
  const item = (queue: string) => ({
    metricName: 'orasi-queue-service-per-second',
    metricLabels: { queue },
    timestamp: '2026-11-21T14:00:00Z',
    windowSeconds: 60,
    value: '333m',
  });
  expect([status, json]).toEqual([
    200,
    {
      kind: 'ExternalMetricValueList',
      apiVersion: 'external.metrics.k8s.io/v1beta1',
      metadata: {},
      items: [item('emails'), item('images')],
    },
  ]);
});

test.each([
  ['orasi-queue-desired-agents', '5'],
  ['orasi-queue-backlog', '240'],
  ['orasi-queue-running', '8'],
  ['orasi-queue-oldest-age-seconds', '12500m'],
  ['orasi-queue-arrivals-per-second', '3500m'],
])('%s is %s', async (metric, value) => {
  const { json } = await get(`${EXTERNAL}/namespaces/default/${metric}?labelSelector=queue%3Demails`);
  expect(json).toMatchObject({ items: [{ metricName: metric, value }] });
});

test('the metrics are discovered', async () => {
  const { json } = await get(EXTERNAL);
  expect(json).toMatchObject({ kind: 'APIResourceList', groupVersion: 'external.metrics.k8s.io/v1beta1' });
  expect(json.resources).toHaveLength(6);
});

test.each([
  ['queue!=a', 400],
  ['other=a', 400],
  ['queue in ()', 400],
  ['queue=a,queue=b', 400],
  ['queue=../b', 400],
  [`queue in (${Array.from({ length: 21 }, (_, i) => `q${i}`)})`, 400],
  ['queue==a', 200],
])('a selector "%s" is answered %i', async (selector, status) => {
  const answer = await get(
    `${EXTERNAL}/namespaces/default/orasi-queue-backlog?labelSelector=${encodeURIComponent(selector)}`,
  );
  expect(answer.status).toBe(status);
  // In the words of the API that the path belongs to.
  if (status === 400) expect(answer.json).toMatchObject({ kind: 'Status', code: 400, reason: 'BadRequest' });
});

test('a metric that is not there is not found', async () => {
  const { status, json } = await get(`${EXTERNAL}/namespaces/default/constructor?labelSelector=queue%3Da`);
  expect([status, json.kind]).toEqual([404, 'Status']);
});
