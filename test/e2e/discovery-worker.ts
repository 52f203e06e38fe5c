import { systemRandom } from '../../src/core/random.ts';
import { ConsulBackend } from '../../src/discovery/consul/consul.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import { EtcdBackend } from '../../src/discovery/etcd/etcd.ts';
import { systemFetch } from '../../src/discovery/http.ts';
import { systemTiming } from '../../src/discovery/timing.ts';

/** Where the registry is; `token` where it is a Consul. */
export interface Target {
  readonly url: string;
  readonly token?: string;
}

/**
 * A Worker that registers itself, watches its service until what Node registered is there as well and its own instance
 * is withdrawn, and answers with the ids of each update.
 */
const worker = {
  async fetch(request: Request): Promise<Response> {
    const { url, token } = (await request.json()) as Target;
    const common = { timing: systemTiming, fetch: systemFetch, pollMs: 1_000 };
    const backend =
      token === undefined
        ? new EtcdBackend({ ...common, endpoints: [url] })
        : new ConsulBackend({ ...common, address: url, token, random: systemRandom });
    const discovery = new Discovery({ backend, timing: systemTiming, random: systemRandom });
    const own = { id: 'worker', service: 'edge', address: '203.0.113.7', port: 443, metadata: {} };
    const registration = discovery.register(own, { ttlSeconds: 2 });
    const seen: string[][] = [];
    for await (const { view } of discovery.watch('edge', new AbortController().signal)) {
      const ids = view.instances.map((instance) => instance.id);
      seen.push(ids);
      if (ids.length === 2) registration.update({ healthy: false });
      if (ids.join() === 'node' && registration.status.state === 'registered' && seen.some((each) => each.length === 2))
        break;
    }
    const health = discovery.health();
    await discovery.close();
    return Response.json({ seen, health });
  },
};
// biome-ignore lint/style/noDefaultExport: the runtime takes a Worker as the default export.
export default worker;
