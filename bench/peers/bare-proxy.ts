/** The least a Worker can do and still proxy: what the gateway's cost is held against. */
export default {
  fetch(request: Request, env: { BACKEND: string }): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    return fetch(new Request(`${env.BACKEND}${pathname}${search}`, request), { redirect: 'manual' });
  },
  queue() {},
  scheduled() {},
};
