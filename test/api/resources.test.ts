import { describe, expect, test } from 'vitest';
import { authorize, type Subject } from '../../src/access/authorize.ts';
import { createApp } from '../../src/api/app.ts';
import { mountResources, resourcePaths } from '../../src/api/resources.ts';
import type { ControlPlaneResources } from '../../src/core/protocol/control-plane.ts';
import { pipeline, testPlane } from '../control/fixture.ts';
import { apiBase } from './api-base.ts';

const SUBJECTS: Readonly<Record<string, Subject>> = {
  admin: { kind: 'admin-token', name: 'admin', role: 'admin', namespace: null, namespaceUid: null },
  reader: { kind: 'api-key', name: 'key:r', role: 'reader', namespace: 'default', namespaceUid: 'u' },
};
const PIPELINES = '/apis/orasi.io/v1alpha1/namespaces/default/pipelines';

/** The management surface over a control plane in memory; the token is the name of a subject. */
function door(broken = false) {
  const plane = testPlane();
  const { clock } = plane;
  const controlPlane: ControlPlaneResources = {
    call: async (call) => {
      if (broken) throw new Error('the inside of the control plane');
      return plane.machine.call(call);
    },
    watch: async (call) => plane.machine.watch(call, () => () => {}),
    resources: async () => plane.machine.resources(),
  };
  const base = apiBase({
    clock,
    authenticate: async (token) => SUBJECTS[token] ?? null,
    namespaceUid: async () => 'u',
  });
  const app = createApp(base, (routes) => mountResources(routes, { controlPlane, authorize }));
  const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };
  const send = async (
    method: string,
    path: string,
    { token = 'admin', body, ...headers }: { token?: string; body?: unknown; [header: string]: unknown } = {},
  ) => {
    const request = new Request(`http://localhost${path}`, {
      method,
      headers: {
        host: 'localhost',
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(headers as Record<string, string>),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const response = await app.request(request, undefined, {} as never, context as never);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
  return { plane, send, app, context };
}

describe('discovery', () => {
  test('names groups, versions, resources and verbs', async () => {
    const { send } = door();
    expect((await send('GET', '/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    expect((await send('GET', '/apis')).json).toEqual({
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [
        {
          name: 'orasi.io',
          versions: [{ groupVersion: 'orasi.io/v1alpha1', version: 'v1alpha1' }],
          preferredVersion: { groupVersion: 'orasi.io/v1alpha1', version: 'v1alpha1' },
        },
        {
          name: 'gateway.networking.k8s.io',
          versions: [
            { groupVersion: 'gateway.networking.k8s.io/v1', version: 'v1' },
            { groupVersion: 'gateway.networking.k8s.io/v1beta1', version: 'v1beta1' },
          ],
          preferredVersion: { groupVersion: 'gateway.networking.k8s.io/v1', version: 'v1' },
        },
      ],
    });
    expect((await send('GET', '/apis/orasi.io')).json).toMatchObject({ kind: 'APIGroup', name: 'orasi.io' });
    const core = (await send('GET', '/api/v1')).json;
    expect(core.resources.map(({ name }: { name: string }) => name)).toEqual([
      'namespaces',
      'namespaces/status',
      'secrets',
    ]);
    expect((await send('GET', '/apis/orasi.io/v1alpha1')).json).toMatchObject({
      kind: 'APIResourceList',
      groupVersion: 'orasi.io/v1alpha1',
      resources: expect.arrayContaining([
        expect.objectContaining({
          name: 'pipelines',
          singularName: 'pipeline',
          namespaced: true,
          kind: 'Pipeline',
          shortNames: ['pl'],
          verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
        }),
        expect.objectContaining({ name: 'pipelines/status', verbs: ['get', 'patch', 'update'] }),
      ]),
    });
  });

  test('is for everybody with a token, and only read', async () => {
    const { send } = door();
    expect((await send('GET', '/apis', { token: 'reader' })).status).toBe(200);
    expect((await send('GET', '/apis', { token: 'nobody' })).json).toMatchObject({ kind: 'Status', code: 401 });
    expect((await send('POST', '/apis', { body: {} })).json).toMatchObject({ kind: 'Status', code: 405 });
  });
});

test('every verb has its method and path', async () => {
  const { send } = door();
  expect((await send('POST', PIPELINES, { body: pipeline('a') })).status).toBe(201);
  expect((await send('GET', PIPELINES)).json).toMatchObject({
    kind: 'PipelineList',
    items: [{ metadata: { name: 'a' } }],
  });
  expect((await send('GET', '/apis/orasi.io/v1alpha1/pipelines')).json.items).toHaveLength(1);
  expect((await send('GET', `${PIPELINES}/a`)).json).toMatchObject({ kind: 'Pipeline' });
  const { json } = await send('GET', `${PIPELINES}/a/status`);
  expect((await send('PUT', `${PIPELINES}/a`, { body: { ...json, spec: { dataset: 'b' } } })).json).toMatchObject({
    spec: { dataset: 'b' },
  });
  const patch = {
    'content-type': 'application/merge-patch+json; charset=utf-8',
    body: { status: { observedGeneration: 2 } },
  };
  expect((await send('PATCH', `${PIPELINES}/a/status`, patch)).json).toMatchObject({
    status: { observedGeneration: 2 },
  });
  expect((await send('DELETE', `${PIPELINES}/a`, { body: { propagationPolicy: 'Background' } })).json).toMatchObject({
    status: 'Success',
  });
  expect((await send('DELETE', PIPELINES)).json).toMatchObject({ kind: 'PipelineList', items: [] });
});

test('a Namespace and its status stand beside what is in namespaces', async () => {
  const { send } = door();
  expect((await send('GET', '/api/v1/namespaces/default')).json).toMatchObject({ kind: 'Namespace' });
  expect((await send('GET', '/api/v1/namespaces/default/status')).json).toMatchObject({ kind: 'Namespace' });
  expect((await send('GET', '/api/v1/namespaces/default/secrets')).json).toMatchObject({ kind: 'SecretList' });
  expect((await send('GET', '/api/v1/namespaces')).json.items).toHaveLength(1);
});

test('a name is decoded once, and one that cannot be is a path to nowhere', async () => {
  const { send } = door();
  expect((await send('GET', `${PIPELINES}/a%2520b`)).json.message).toBe('pipelines.orasi.io "a%20b" not found');
  expect((await send('GET', `${PIPELINES}/%zz`)).status).toBe(404);
});

test('what is not served is a plain 404, as the API server says it', async () => {
  const { send } = door();
  for (const path of [
    '/apis/none.io/v1/things',
    '/api/v2',
    '/apis/none.io',
    `${PIPELINES}/a/status/more`,
    '/api/v1/pods',
    '/api/v1//x',
  ]) {
    expect(await send('GET', path), path).toMatchObject({ status: 404, text: '404 page not found\n' });
  }
});

test('a method a path does not have is a Status 405', async () => {
  const { send } = door();
  for (const [method, path] of [
    ['POST', `${PIPELINES}/a`],
    ['PUT', PIPELINES],
    ['PATCH', PIPELINES],
    ['OPTIONS', PIPELINES],
  ] as const) {
    expect((await send(method, path)).json, `${method} ${path}`).toMatchObject({
      kind: 'Status',
      reason: 'MethodNotAllowed',
      code: 405,
    });
  }
});

test('who may not is told what, of what, and where', async () => {
  const { send } = door();
  const refused = await send('POST', PIPELINES, { token: 'reader', body: pipeline('a') });
  expect(refused.json).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message:
      'pipelines.orasi.io is forbidden: User "key:r" cannot create resource "pipelines" in API group "orasi.io" in the namespace "default"',
    reason: 'Forbidden',
    details: { group: 'orasi.io', kind: 'pipelines' },
    code: 403,
  });
  for (const [method, path] of [
    ['GET', '/api/v1/namespaces/default/secrets'],
    ['GET', '/api/v1/namespaces/other/pipelines'],
    ['GET', '/apis/orasi.io/v1alpha1/pipelines'],
    ['GET', '/apis/orasi.io/v1alpha1/pipelines?watch=true'],
    ['GET', '/api/v1/namespaces'],
    ['PATCH', `${PIPELINES}/a/status`],
    ['DELETE', PIPELINES],
  ] as const) {
    expect((await send(method, path, { token: 'reader' })).status, `${method} ${path}`).toBe(403);
  }
  expect((await send('GET', PIPELINES, { token: 'reader' })).status).toBe(200);
});

test('every path is closed without a token', async () => {
  const { send } = door();
  for (const { method, path } of resourcePaths()) {
    const { status, json } = await send(method.toUpperCase(), path.replace(/\{\w+\}/g, 'x'), { token: '' });
    expect([status, json?.reason], `${method} ${path}`).toEqual([401, 'Unauthorized']);
  }
});

test('every path is in the OpenAPI document', async () => {
  const { send } = door();
  const { paths } = (await send('GET', '/openapi.json')).json;
  for (const { method, path } of resourcePaths()) expect(paths[path]?.[method], `${method} ${path}`).toBeDefined();
});

test('the caller chooses object, table or metadata by what it accepts first', async () => {
  const { send } = door();
  await send('POST', PIPELINES, { body: pipeline('a') });
  const kubectl =
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
  const kinds = [];
  for (const accept of [
    kubectl,
    'application/json',
    '*/*',
    'application/vnd.kubernetes.protobuf,application/json',
    'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    'application/vnd.kubernetes.protobuf',
  ]) {
    kinds.push((await send('GET', PIPELINES, { accept })).json.kind);
  }
  expect(kinds).toEqual([
    'Table',
    'PipelineList',
    'PipelineList',
    'PipelineList',
    'PartialObjectMetadataList',
    'Status',
  ]);
});

test('warnings are headers', async () => {
  const { send } = door();
  const { headers } = await send('POST', PIPELINES, { body: pipeline('a', { bogus: '"' }) });
  expect(headers.get('warning')).toBe(String.raw`299 - "unknown field \"spec.bogus\""`);
});

test('a body beyond any object is refused before it is all read', async () => {
  const { send } = door();
  const refused = await send('POST', PIPELINES, { body: ' '.repeat(2_000_000) });
  expect(refused.json).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
});

test('a defect is a 500 that says nothing of the inside', async () => {
  const { send } = door(true);
  const answer = await send('GET', PIPELINES);
  expect([answer.status, answer.json.reason]).toEqual([500, 'InternalError']);
  expect(answer.text).not.toContain('inside');
});

test('a watch is a stream of JSON lines', async () => {
  const { send, app, context } = door();
  await send('POST', PIPELINES, { body: pipeline('a') });
  const request = new Request(`http://localhost${PIPELINES}?watch=true`, {
    headers: { host: 'localhost', authorization: 'Bearer admin' },
  });
  const response = await app.request(request, undefined, {} as never, context as never);
  expect(response.headers.get('content-type')).toBe('application/json');
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(JSON.parse(new TextDecoder().decode(value))).toMatchObject({
    type: 'ADDED',
    object: { metadata: { name: 'a' } },
  });
  await reader?.cancel();
});
