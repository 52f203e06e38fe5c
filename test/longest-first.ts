import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take long, the longest first. vitest begins with what took longest in the last run, but a fresh clone has
 * had none: then it goes by the size of the file, and the whole run waits for the last long one by itself.
 */
const LONG = [
  'e2e/crash',
  'e2e/start',
  'e2e/wrangler-dev',
  'e2e/tasks',
  'e2e/launcher',
  'e2e/cluster-kv',
  'e2e/gateway-service',
  'e2e/streaming',
  'e2e/rate-limits',
  'e2e/r2-object-store',
  'tooling/setup-cloudflare',
  'e2e/hostile-files',
  'query/conformance/generated',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    // Projects stay in the order they have.
    return [...Map.groupBy(sorted, ({ project }) => project.name).values()].flatMap((ofProject) =>
      ofProject.toSorted((a, b) => rank(a) - rank(b)),
    );
  }
}

function rank({ moduleId }: TestSpecification): number {
  const at = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return at === -1 ? LONG.length : at;
}
