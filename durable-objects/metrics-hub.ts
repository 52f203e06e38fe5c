import { DurableObject } from 'cloudflare:workers';

/** Adds up what isolates have counted. */
export class MetricsHub extends DurableObject<Cloudflare.Env> {}
