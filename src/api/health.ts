import * as z from 'zod';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const Health = z.object({
  status: z.enum(['ok', 'failing']),
  components: z.array(z.object({ name: z.string(), healthy: z.boolean(), reason: z.string() })),
});

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
