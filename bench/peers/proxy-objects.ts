/** The objects that wrangler.toml names: a peer runs under the same bindings, and uses none of them. */
import { DurableObject } from 'cloudflare:workers';

export class ControlPlane extends DurableObject {}
export class TaskQueue extends DurableObject {}
export class Cluster extends DurableObject {}
export class UpstreamMonitor extends DurableObject {}
export class RateLimiter extends DurableObject {}
export class EndpointChecker extends DurableObject {}
export class MetricsHub extends DurableObject {}
