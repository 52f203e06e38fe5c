/** The same with hono and its proxy helper. */
import { Hono } from 'hono';
import { proxy } from 'hono/proxy';

const app = new Hono<{ Bindings: { BACKEND: string } }>();
app.all('*', (context) => {
  const { pathname, search } = new URL(context.req.url);
  return proxy(`${context.env.BACKEND}${pathname}${search}`, { raw: context.req.raw });
});

export default { fetch: app.fetch, queue() {}, scheduled() {} };
