import { DurableObject } from 'cloudflare:workers';

/** The counters of a rate limit that holds over all isolates. */
export class RateLimiter extends DurableObject<Cloudflare.Env> {}
