import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/control/json.ts';
import { securitypolicySchema } from '../../src/control/kinds/generated/securitypolicy.ts';
import type { Resource } from '../../src/control/resource.ts';
import { compileSecurityPolicy } from '../../src/control/security-policy-spec.ts';
import { applyDefaults, validate } from '../../src/control/structural-schema.ts';

function policyOf(spec: JsonObject): Resource {
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'default' }];
  const policy = {
    apiVersion: '',
    kind: '',
    metadata: { name: 'p' },
    spec: { targetRefs, ...spec },
  } as unknown as Resource;
  applyDefaults(securitypolicySchema, policy);
  return policy;
}

test('a policy that asks for everything is valid by its schema and compiles', () => {
  const policy = policyOf({
    profile: 'api',
    responseHeaders: { set: [{ name: 'X-Frame-Options', value: 'DENY' }], omit: ['Cache-Control'], remove: ['Server'] },
    addresses: { allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.9.0.0/16'] },
    request: {
      methods: ['GET', 'POST'],
      maxUrlBytes: 2_000,
      maxHeaderBytes: 8_000,
      maxHeaders: 50,
      maxBodyBytes: 1_000_000,
      contentTypes: ['application/JSON', 'image/*'],
      requiredHeaders: ['X-Tenant'],
      jsonSchema: { type: 'object', required: ['a'], properties: { a: { type: ['string', 'null'], default: null } } },
    },
    webSocket: { origins: ['https://App.example.com', 'https://*.example.org', 'http://localhost:3000'] },
  });
  expect(validate(securitypolicySchema, policy)).toEqual([]);
  expect(compileSecurityPolicy(policy)).toMatchObject({
    compiled: {
      addresses: { allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.9.0.0/16'] },
      request: {
        methods: ['GET', 'POST'],
        contentTypes: ['application/json', 'image/*'],
        requiredHeaders: ['x-tenant'],
        body: { maxBytes: 65_536 },
      },
      webSocketOrigins: ['https://app.example.com', 'https://*.example.org', 'http://localhost:3000'],
    },
  });
});

test('a policy that asks for nothing does nothing', () => {
  expect(compileSecurityPolicy(policyOf({}))).toEqual({
    compiled: {
      addresses: { allow: [], deny: [] },
      request: {
        methods: null,
        maxUrlBytes: null,
        maxHeaderBytes: null,
        maxHeaders: null,
        maxBodyBytes: null,
        contentTypes: null,
        requiredHeaders: [],
        body: null,
      },
      webSocketOrigins: null,
      responseHeaders: { set: [], defaults: [], remove: [] },
    },
  });
});

describe('refused', () => {
  test.each<[string, JsonObject, string]>([
    ['half a block', { addresses: { deny: ['10.0.0.0/8', '10.0.0'] } }, 'spec.addresses.deny[1]'],
    ['two blocks in one', { addresses: { allow: ['10.0.0.0/8,::/0'] } }, 'spec.addresses.allow[0]'],
    ['a block of 33 bits', { addresses: { allow: ['10.0.0.0/33'] } }, 'spec.addresses.allow[0]'],
    ['an origin with a path', { webSocket: { origins: ['https://a.example/'] } }, 'spec.webSocket.origins[0]'],
    [
      'an origin with a port that it has anyway',
      { webSocket: { origins: ['https://a.example:443'] } },
      'spec.webSocket.origins[0]',
    ],
    ['any origin', { webSocket: { origins: ['*'] } }, 'spec.webSocket.origins[0]'],
    ['an origin of nobody', { webSocket: { origins: ['null'] } }, 'spec.webSocket.origins[0]'],
    [
      'a header of the connection',
      { responseHeaders: { set: [{ name: 'Content-Length', value: '1' }] } },
      'spec.responseHeaders.set[0].name',
    ],
    [
      'a header of the gateway’s own',
      { responseHeaders: { set: [{ name: 'Via', value: '1' }] } },
      'spec.responseHeaders.set[0].name',
    ],
    [
      'a schema with a slip',
      { request: { jsonSchema: { properties: { a: { tpye: 'string' } } } } },
      'spec.request.jsonSchema.properties.a.tpye',
    ],
  ])('%s', (_, spec, field) => {
    const result = compileSecurityPolicy(policyOf(spec));
    expect('faults' in result ? result.faults.map((fault) => fault.field) : []).toEqual([field]);
  });
});
