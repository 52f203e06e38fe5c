/** What a call does to a resource. The first eight are the Kubernetes verbs; `create` on `queries` runs a query. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** The roles a key may have; `RULES` below says what each may do. */
export const ROLES = ['admin', 'agent', 'ingester', 'reader'] as const;
export type Role = (typeof ROLES)[number];

/** Who makes a request: one of them a request, made by `authenticate`. */
export interface Subject {
  readonly kind: 'admin-token' | 'api-key';
  /** Shown in logs and in refusals; never the secret. */
  readonly name: string;
  readonly role: Role;
  /** The namespace a key is confined to; null for all. */
  readonly namespace: string | null;
  /** The immutable uid of that namespace, so that a namespace made again under the same name is another one. */
  readonly namespaceUid: string | null;
}

/** One permission: these verbs on these resources of one API group; `*` stands for all. */
interface Rule {
  readonly groups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly (Verb | '*')[];
}

const READ: readonly Verb[] = ['get', 'list', 'watch'];
const DATA = ['datasets', 'objects', 'quarantine'];
const DECLARED = ['namespaces', 'pipelines', 'clusters', 'taskqueues', 'taskschedules', 'upstreams'];
const GATEWAY_GROUPS = ['gateway.networking.k8s.io', 'orasi.io'];
const GATEWAY = [
  'gatewayclasses',
  'gateways',
  'httproutes',
  'referencegrants',
  'routematchpolicies',
  'hostnamegrants',
  'ratelimitpolicies',
  'authpolicies',
  'securitypolicies',
];
const WORK = ['queues', 'tasks'];

/**
 * What each role may do, within the namespace of the key. Resources of the `/v1` surface are in group `''`,
 * as the core kinds are; a subresource is written `pipelines/status`. Secrets and keys are the admin's alone.
 */
const RULES: Readonly<Record<Role, readonly Rule[]>> = {
  admin: [{ groups: ['*'], resources: ['*'], verbs: ['*'] }],
  agent: [
    { groups: [''], resources: [...DATA, 'discovery', 'services'], verbs: READ },
    { groups: ['', 'orasi.io'], resources: DECLARED, verbs: READ },
    { groups: GATEWAY_GROUPS, resources: GATEWAY, verbs: READ },
    { groups: [''], resources: WORK, verbs: READ },
    { groups: [''], resources: ['tasks'], verbs: ['create'] },
    {
      groups: [''],
      resources: ['claims', 'results', 'heartbeats', 'clusters', 'members', 'elections', 'kv'],
      verbs: ['*'],
    },
    { groups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['*'] },
  ],
  ingester: [
    { groups: [''], resources: [...DATA, ...WORK, 'discovery'], verbs: READ },
    { groups: [''], resources: ['tasks'], verbs: ['create', 'delete'] },
    { groups: ['', 'orasi.io'], resources: DECLARED, verbs: READ },
    { groups: GATEWAY_GROUPS, resources: GATEWAY, verbs: READ },
    { groups: [''], resources: ['objects', 'uploads', 'telemetry'], verbs: ['get', 'list', 'create', 'update'] },
  ],
  reader: [
    { groups: [''], resources: [...DATA, ...WORK, 'discovery', 'members', 'elections', 'kv', 'services'], verbs: READ },
    { groups: ['', 'orasi.io'], resources: DECLARED, verbs: READ },
    { groups: GATEWAY_GROUPS, resources: GATEWAY, verbs: READ },
    { groups: [''], resources: ['queries', 'explanations'], verbs: ['create'] },
    { groups: [''], resources: ['metrics'], verbs: READ },
  ],
};

/**
 * Whether `subject` may do `verb` to `resource` of API group `group` in `namespace`. A null namespace is a call
 * across all namespaces or on something that has none; a key confined to a namespace may make it only for
 * discovery and to read its own `Namespace` object. Everything not allowed is refused.
 */
export function authorize(
  subject: Subject,
  verb: Verb,
  group: string,
  resource: string,
  namespace: string | null,
  name: string | null,
): boolean {
  return (
    isWithin(subject, verb, group, resource, namespace, name) &&
    RULES[subject.role].some((rule) => allows(rule, verb, group, resource))
  );
}

/** `authorize` as it is handed to the doors. */
export type Authorize = typeof authorize;

function isWithin(
  subject: Subject,
  verb: Verb,
  group: string,
  resource: string,
  namespace: string | null,
  name: string | null,
): boolean {
  if (subject.namespace === null) return true;
  if (group === '' && resource === 'discovery') return verb === 'get';
  // A Namespace is itself outside of namespaces: reading its own is all that a confined key may do there.
  if (group === '' && resource === 'namespaces') return verb === 'get' && (name ?? namespace) === subject.namespace;
  return namespace === subject.namespace;
}

function allows(rule: Rule, verb: Verb, group: string, resource: string): boolean {
  return includes(rule.groups, group) && includes(rule.resources, resource) && includes(rule.verbs, verb);
}

function includes(allowed: readonly string[], asked: string): boolean {
  return allowed.includes('*') || allowed.includes(asked);
}
