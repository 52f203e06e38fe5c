import { describe, expect, test } from 'vitest';
import { authorize, ROLES, type Role, type Subject, type Verb } from '../../src/access/authorize.ts';

const subject = (role: Role, namespace: string | null = 'team'): Subject => ({
  kind: 'api-key',
  name: 'key:x',
  role,
  namespace,
  namespaceUid: namespace === null ? null : 'uid',
});
const may = (
  who: Subject,
  verb: Verb,
  resource: string,
  namespace: string | null = 'team',
  group = '',
  name: string | null = null,
) => authorize(who, verb, group, resource, namespace, name);

describe.each(ROLES)('a key of role %s', (role) => {
  test('does nothing in another namespace, nor across all', () => {
    const verbs: Verb[] = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];
    for (const verb of verbs) {
      for (const resource of [
        'datasets',
        'objects',
        'queries',
        'secrets',
        'keys',
        'uploads',
        'telemetry',
        'namespaces',
      ]) {
        expect(may(subject(role), verb, resource, 'other'), `${verb} ${resource}`).toBe(false);
        expect(may(subject(role), verb, resource, null), `${verb} ${resource}`).toBe(false);
      }
      expect(may(subject(role), verb, 'pipelines', 'other', 'orasi.io')).toBe(false);
    }
  });

  test('reads its own namespace and the discovery documents', () => {
    expect(may(subject(role), 'get', 'namespaces', null, '', 'team')).toBe(true);
    expect(may(subject(role), 'get', 'namespaces', null, '', 'other')).toBe(false);
    expect(may(subject(role), 'list', 'namespaces', null)).toBe(false);
    expect(may(subject(role), 'delete', 'namespaces', null, '', 'team')).toBe(false);
    expect(may(subject(role), 'get', 'discovery', null)).toBe(true);
  });

  test('does what its role allows, in every namespace where it is confined to none', () => {
    const everywhere = subject(role, null);
    expect(may(everywhere, 'list', 'datasets', 'any')).toBe(true);
    expect(may(everywhere, 'list', 'datasets', null)).toBe(true);
    expect(may(everywhere, 'create', 'secrets', 'any')).toBe(role === 'admin');
  });
});

test('hostnames are given to namespaces by keys of role admin that are confined to none', () => {
  for (const role of ROLES) {
    expect(may(subject(role, null), 'create', 'hostnamegrants', null, 'orasi.io')).toBe(role === 'admin');
    expect(may(subject(role), 'create', 'hostnamegrants', null, 'orasi.io')).toBe(false);
  }
});

/** Who may do what within the namespace of the key. */
test.each([
  ['get', '', 'objects', ['admin', 'agent', 'ingester', 'reader']],
  ['get', '', 'quarantine', ['admin', 'agent', 'ingester', 'reader']],
  ['watch', 'orasi.io', 'pipelines', ['admin', 'agent', 'ingester', 'reader']],
  ['create', '', 'objects', ['admin', 'ingester']],
  ['update', '', 'objects', ['admin', 'ingester']],
  ['create', '', 'uploads', ['admin', 'ingester']],
  ['create', '', 'telemetry', ['admin', 'ingester']],
  ['create', '', 'queries', ['admin', 'reader']],
  ['delete', '', 'objects', ['admin']],
  ['delete', '', 'datasets', ['admin']],
  ['create', 'orasi.io', 'pipelines', ['admin']],
  ['patch', 'orasi.io', 'pipelines/status', ['admin']],
  ['get', '', 'secrets', ['admin']],
  ['create', '', 'keys', ['admin']],
  ['list', '', 'keys', ['admin']],
  ['create', '', 'claims', ['admin', 'agent']],
  ['create', '', 'results', ['admin', 'agent']],
  ['create', '', 'tasks', ['admin', 'agent', 'ingester']],
  ['delete', '', 'tasks', ['admin', 'ingester']],
  ['list', '', 'tasks', ['admin', 'agent', 'ingester', 'reader']],
  ['get', '', 'queues', ['admin', 'agent', 'ingester', 'reader']],
  ['get', '', 'kv', ['admin', 'agent', 'reader']],
  ['watch', '', 'kv', ['admin', 'agent', 'reader']],
  ['update', '', 'kv', ['admin', 'agent']],
  ['delete', '', 'kv', ['admin', 'agent']],
  ['list', '', 'services', ['admin', 'agent', 'reader']],
  ['update', '', 'queues', ['admin']],
  ['update', '', 'members', ['admin', 'agent']],
  ['list', '', 'members', ['admin', 'agent', 'reader']],
  ['watch', '', 'clusters', ['admin', 'agent', 'ingester', 'reader']],
  ['get', '', 'elections', ['admin', 'agent', 'reader']],
  ['create', '', 'elections', ['admin', 'agent']],
  ['create', '', 'backups', ['admin']],
  ['list', '', 'backups', ['admin']],
  ['create', '', 'restores', ['admin']],
  ['get', 'orasi.io', 'clusters', ['admin', 'agent', 'ingester', 'reader']],
  ['create', 'orasi.io', 'clusters', ['admin']],
  ['get', 'orasi.io', 'taskschedules', ['admin', 'agent', 'ingester', 'reader']],
  ['create', 'orasi.io', 'taskschedules', ['admin']],
  ['list', 'gateway.networking.k8s.io', 'httproutes', ['admin', 'agent', 'ingester', 'reader']],
  ['patch', 'gateway.networking.k8s.io', 'gateways', ['admin']],
  ['get', 'orasi.io', 'routematchpolicies', ['admin', 'agent', 'ingester', 'reader']],
  ['create', 'orasi.io', 'routematchpolicies', ['admin']],
  ['update', 'coordination.k8s.io', 'leases', ['admin', 'agent']],
  ['get', '', 'something-new', ['admin']],
  ['get', 'other.io', 'pipelines', ['admin']],
] as const)('%s %s/%s is for %j', (verb, group, resource, roles) => {
  expect(ROLES.filter((role) => may(subject(role), verb, resource, 'team', group))).toEqual(roles);
});
