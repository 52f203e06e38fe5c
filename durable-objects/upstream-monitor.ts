import { DurableObject } from 'cloudflare:workers';

/** What the gateway's isolates read together: the version of the configuration, the health of upstreams, breakers that opened elsewhere. */
export class UpstreamMonitor extends DurableObject<Cloudflare.Env> {}
