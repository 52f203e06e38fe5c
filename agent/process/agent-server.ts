import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AgentView } from './agent-view.ts';
import { metricsText } from './metrics-text.ts';

/**
 * Serves `/livez`, `/readyz`, `/metrics` and `/agent/…` on a port of the agent's own; resolves to that port. It asks
 * nobody who they are: it shows no payloads, no results and no secrets, and takes no orders. Throws where the port is
 * taken.
 */
export async function serveAgent(
  view: () => AgentView,
  host: string,
  port: number,
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'it takes GET\n');
    const path = (request.url ?? '/').split('?', 1)[0];
    const now = view();
    switch (path) {
      case '/livez':
        return answer(response, 200, 'ok\n');
      case '/readyz':
        return now.ready === true ? answer(response, 200, 'ok\n') : answer(response, 503, `${now.ready}\n`);
      case '/metrics':
        return answer(response, 200, metricsText(now), 'text/plain; version=0.0.4; charset=utf-8');
      case '/agent/info':
        return json(response, now.info);
      case '/agent/status':
        return json(response, now.status);
      case '/agent/tasks':
        return json(response, now.tasks);
      default:
        return answer(response, 404, 'there is nothing here\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE' ? new Error(`port ${port} of ${host} is taken; --port 0 finds a free one`) : error,
      );
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return { port: address === null || typeof address === 'string' ? port : address.port, server };
}

function answer(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
}

function json(response: ServerResponse, value: unknown): void {
  answer(response, 200, `${JSON.stringify(value)}\n`, 'application/json');
}
