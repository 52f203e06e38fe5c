import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { readAgentConfig } from '../../agent/process/config.ts';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';
import { documentsOf, mergedValues, parseYaml, renderTemplate } from './helm-template.ts';

const CHART = join(PROJECT_ROOT, 'deploy', 'agent', 'chart');
const read = (...names: string[]) => readFileSync(join(CHART, ...names), 'utf8');
const chart = parseYaml(read('Chart.yaml')) as { name: string; version: string; appVersion: string };
const values = parseYaml(read('values.yaml'));
const schema = z.fromJSONSchema(JSON.parse(read('values.schema.json')));

type Manifest = Record<string, unknown> & { kind: string; apiVersion: string };

/** The chart as it is installed with some values, after these have passed its schema. */
function render(over: object): Manifest[] {
  const merged = mergedValues(values, { platform: { url: 'https://orasi.example.com' }, ...over });
  schema.parse(merged);
  const root = {
    Values: merged,
    Chart: { Name: chart.name, AppVersion: chart.appVersion },
    Release: { Name: 'crew', Namespace: 'work', Service: 'Helm' },
  };
  return readdirSync(join(CHART, 'templates'))
    .sort()
    .flatMap((name) => documentsOf(renderTemplate(read('templates', name), root)) as Manifest[]);
}

const FULL = {
  config: { queue: 'q', drainSeconds: 90, commands: ['pg_dump', 'a: b'], capabilities: ['gpu'] },
  serviceAccount: { annotations: { role: 'arn:aws:iam::1:role/a' } },
  rbac: { rules: [{ apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get'] }] },
  pluginsConfigMap: 'crew-plugins',
  imagePullSecrets: [{ name: 'registry' }],
  podAnnotations: { 'prometheus.io/scrape': 'true' },
  podLabels: { team: 'data' },
  nodeSelector: { 'kubernetes.io/arch': 'amd64' },
  tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: { nodeAffinity: {} },
};
const named = (manifests: Manifest[], kind: string) => manifests.find((each) => each.kind === kind);

describe("the agent's chart", () => {
  test('is a Deployment with its configuration and an account that may do nothing', () => {
    const manifests = render({});
    expect(manifests.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Deployment', 'ServiceAccount']);
    expect(named(manifests, 'Deployment')).toMatchObject({
      metadata: { name: 'crew', namespace: 'work' },
      spec: {
        replicas: 1,
        template: {
          spec: {
            automountServiceAccountToken: false,
            serviceAccountName: 'crew',
            terminationGracePeriodSeconds: 60,
            containers: [
              { image: `orasi-agent:${chart.appVersion}`, readinessProbe: { httpGet: { path: '/readyz' } } },
            ],
          },
        },
      },
    });
  });

  test('has a role with the rules asked for, and scales by processor or by queue, one or the other', () => {
    const kinds = (over: object) => render(over).map(({ kind }) => kind);
    expect(kinds({ ...FULL, autoscaling: { by: 'hpa' } })).toEqual([
      ...['ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'Role', 'RoleBinding', 'ServiceAccount'],
    ]);
    const scaled = render({ ...FULL, autoscaling: { by: 'keda' } });
    expect(named(scaled, 'Deployment')?.['spec']).not.toHaveProperty('replicas');
    expect(named(scaled, 'ScaledObject')).toMatchObject({
      spec: {
        triggers: [
          { metadata: { url: 'https://orasi.example.com/v1/namespaces/default/queues/q/scaling', targetValue: '1' } },
        ],
      },
    });
    expect(kinds({ serviceAccount: { create: false } })).not.toContain('ServiceAccount');
  });

  test('hands the agent a configuration that the agent takes', async () => {
    const map = named(render(FULL), 'ConfigMap') as unknown as { data: Record<string, string> };
    const said = parseYaml(map.data['agent.yaml']);
    expect(said).toEqual({ cluster: 'default', ...FULL.config });
    const options: Record<string, string[]> = {};
    for (const [name, value] of Object.entries(said as object)) {
      options[name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)] = [value].flat().map(String);
    }
    expect(await readAgentConfig(undefined, {}, (name) => options[name] ?? [])).toMatchObject(said as object);
  });

  test('refuses values that are none of its own, by its schema', () => {
    const faults = (over: object) => {
      const { error } = schema.safeParse(mergedValues(values, { platform: { url: 'https://a' }, ...over }));
      return error?.issues.map(({ path }) => path.join('.'));
    };
    expect(faults({})).toBeUndefined();
    expect(faults({ platform: { url: '' } })).toEqual(['platform.url']);
    expect(faults({ replica: 3 })).toEqual(['']);
    expect(faults({ config: { concurrency: 0 } })).toEqual(['config.concurrency']);
    expect(faults({ autoscaling: { by: 'magic' } })).toEqual(['autoscaling.by']);
  });

  const packages = join(PROJECT_ROOT, '.orasi', 'kubernetes', 'node_modules');
  const there = existsSync(packages);
  if (!there) {
    console.warn(
      'SKIPPED: no schemas of Kubernetes: npm install --prefix .orasi/kubernetes kubernetes-models@5.1.0 @kubernetes-models/keda@2.0.0',
    );
  }
  test.skipIf(!there)('renders what the schemas of Kubernetes and KEDA take', async () => {
    const check = async (manifest: Manifest) => {
      const [name, schemas] = SCHEMAS[manifest.kind];
      const url = pathToFileURL(join(packages, name, '_schemas', `${schemas}${manifest.kind}.js`));
      const { validate } = (await import(url.href)) as { validate: Validate };
      const { watched, unread } = watchedReads(manifest);
      return validate(watched) ? unread() : validate.errors;
    };
    const seen = new Set<string>();
    for (const over of [{}, FULL, { ...FULL, autoscaling: { by: 'hpa' } }, { ...FULL, autoscaling: { by: 'keda' } }]) {
      for (const manifest of render(over)) {
        seen.add(manifest.kind);
        expect(await check(manifest), manifest.kind).toEqual([]);
      }
    }
    expect(seen.size).toBe(8);
  });
});

interface Validate {
  (manifest: unknown): boolean;
  readonly errors?: unknown;
}

const SCHEMAS: Readonly<Record<string, readonly [name: string, schemas: string]>> = {
  ConfigMap: ['kubernetes-models', 'IoK8sApiCoreV1'],
  Deployment: ['kubernetes-models', 'IoK8sApiAppsV1'],
  HorizontalPodAutoscaler: ['kubernetes-models', 'IoK8sApiAutoscalingV2'],
  Role: ['kubernetes-models', 'IoK8sApiRbacV1'],
  RoleBinding: ['kubernetes-models', 'IoK8sApiRbacV1'],
  ScaledObject: ['@kubernetes-models/keda', 'ComGithubKedacoreKedaV2ApisKedaV1alpha1'],
  ServiceAccount: ['kubernetes-models', 'IoK8sApiCoreV1'],
  TriggerAuthentication: ['@kubernetes-models/keda', 'ComGithubKedacoreKedaV2ApisKedaV1alpha1'],
};

/** The schemas let fields pass that they do not know: those are what a validation that passed has never read. */
function watchedReads(manifest: object): { watched: object; unread: () => string[] } {
  const left = new Set<string>();
  const watch = (value: object, path: string): object => {
    const inner = new Map<string, unknown>();
    for (const [name, each] of Object.entries(value)) {
      left.add(`${path}.${name}`);
      inner.set(name, typeof each === 'object' && each !== null ? watch(each, `${path}.${name}`) : each);
    }
    return new Proxy(value, {
      get(target, name) {
        left.delete(`${path}.${String(name)}`);
        return inner.has(String(name)) ? inner.get(String(name)) : Reflect.get(target, name);
      },
    });
  };
  const watched = watch(manifest, '');
  return { watched, unread: () => [...left] };
}
