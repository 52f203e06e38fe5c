/** What objects import from `cloudflare:workers`, where they are simulated. */
export class DurableObject {
  protected readonly ctx: unknown;
  protected readonly env: unknown;

  constructor(ctx: unknown, env: unknown) {
    this.ctx = ctx;
    this.env = env;
  }
}

export function waitUntil(promise: Promise<unknown>): void {
  void promise.catch(() => {});
}
