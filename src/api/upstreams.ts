import * as z from 'zod';
import { isJsonObject, type JsonObject, objectsIn, parseJsonObject } from '../control/json.ts';
import type { Resource } from '../control/resource.ts';
import { compileUpstream } from '../control/upstream-spec.ts';
import { OrasiError } from '../core/errors.ts';
import type { ControlPlaneResources } from '../core/protocol/control-plane.ts';
import type { UpstreamMonitorCalls } from '../core/protocol/upstream-monitor.ts';
import { pageQuery, pageSchema } from './paging.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';
import { UpstreamView, upstreamView } from './upstream-view.ts';

const UPSTREAMS = '/v1/namespaces/{ns}/upstreams';

/** What the routes of upstreams stand on. */
export interface UpstreamPorts {
  readonly controlPlane: ControlPlaneResources;
  readonly monitor: () => Pick<UpstreamMonitorCalls, 'describe'>;
}

/** `…/upstreams`: how the endpoints of a namespace's upstreams fare. */
export function mountUpstreams(app: ApiApp, base: ApiBase, { controlPlane, monitor }: UpstreamPorts): void {
  /** Reads declared upstreams: all of a namespace by pages, or the one of a name; null where it is not there. */
  const read = async (ns: string, name: string | null, query: Record<string, string>): Promise<JsonObject | null> => {
    const { status, body } = await controlPlane.call({
      verb: name === null ? 'list' : 'get',
      group: 'orasi.io',
      version: 'v1alpha1',
      resource: 'upstreams',
      namespace: ns,
      name,
      subresource: null,
      query,
      contentType: '',
      body: '',
      representation: 'object',
    });
    if (status === 404) return null;
    if (status === 410) throw new OrasiError('gone', 'the list has changed since: begin anew');
    if (status !== 200 || body === null) throw new OrasiError('bad_request', 'expected a cursor of this list');
    return parseJsonObject(body);
  };
  const viewsOf = async (ns: string, upstreams: readonly JsonObject[]) => {
    const uid = await base.namespaceUid(ns);
    const compiled = upstreams.map((upstream) => compileUpstream(upstream as Resource, uid));
    const states = await monitor().describe(compiled.map(({ name }) => `${uid}/${name}`));
    return compiled.map((upstream) => upstreamView(upstream, states[`${uid}/${upstream.name}`]));
  };
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: UPSTREAMS,
      access: { verb: 'list', resource: 'upstreams' },
      tag: 'gateway',
      summary: 'The upstreams with their endpoints: health, breakers, where they come from.',
      query: z.object(pageQuery),
      responses: { 200: { description: 'A page of them, by name.', schema: pageSchema(UpstreamView) } },
    },
    async ({ params, query }) => {
      await base.namespaceUid(params.ns);
      const paging = { limit: String(query.limit), ...(query.cursor === undefined ? {} : { continue: query.cursor }) };
      const list = await read(params.ns, null, paging);
      const items = await viewsOf(params.ns, objectsIn(list?.items));
      const meta = isJsonObject(list?.metadata) ? list.metadata : {};
      return Response.json(typeof meta.continue === 'string' ? { items, nextCursor: meta.continue } : { items });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${UPSTREAMS}/{name}`,
      access: { verb: 'get', resource: 'upstreams' },
      tag: 'gateway',
      summary: 'An upstream with its endpoints.',
      responses: { 200: { description: 'The upstream.', schema: UpstreamView } },
    },
    async ({ params }) => {
      await base.namespaceUid(params.ns);
      const upstream = await read(params.ns, params.name, {});
      if (upstream === null) throw new OrasiError('not_found', `there is no upstream "${params.name}"`);
      const [view] = await viewsOf(params.ns, [upstream]);
      return Response.json(view);
    },
  );
}
