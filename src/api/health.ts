import * as z from 'zod';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const Health = z.object({
  status: z.enum(['ok', 'failing']),
  components: z.array(z.object({ name: z.string(), healthy: z.boolean(), reason: z.string() })),
});

const Version = z.object({ major: z.string(), minor: z.string(), gitVersion: z.string(), platform: z.string() });

/** The Kubernetes API whose conventions the resource paths follow; clients choose what they may ask by it. */
const KUBERNETES_VERSION = '1.33';

/** Liveness, readiness and health: open, and saying nothing that an outsider could use. */
export function mountHealth(app: ApiApp, base: ApiBase): void {
  const answer = async () => {
    const components = await base.health();
    const failing = components.some((component) => !component.healthy);
    return Response.json({ status: failing ? 'failing' : 'ok', components }, { status: failing ? 503 : 200 });
  };
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/livez',
      access: 'open',
      tag: 'operations',
      summary: 'Whether the Worker answers at all.',
      responses: { 200: { description: 'Alive.' } },
    },
    async () => new Response('ok'),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/version',
      access: 'open',
      tag: 'operations',
      summary: 'The version, in the shape Kubernetes clients ask for.',
      responses: { 200: { description: 'The version.', schema: Version } },
    },
    async () => {
      const [major, minor] = KUBERNETES_VERSION.split('.');
      return Response.json({
        major,
        minor,
        gitVersion: `v${KUBERNETES_VERSION}.0+orasi.${base.config.version}`,
        platform: 'cloudflare/workers',
      });
    },
  );
  for (const [path, summary] of [
    ['/readyz', 'Whether every component a request needs is reachable.'],
    ['/healthz', 'Every component with its reason.'],
  ] as const) {
    defineRoute(
      app,
      base,
      {
        method: 'get',
        path,
        access: 'open',
        tag: 'operations',
        summary,
        responses: {
          200: { description: 'All well.', schema: Health },
          503: { description: 'A component is failing.', schema: Health },
        },
      },
      answer,
    );
  }
}
