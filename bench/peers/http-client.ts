import { Agent, request } from 'node:http';

/**
 * The HTTP client of all contenders that speak it: kept connections and no more than it takes, since the client's
 * work is measured with the server's on the same cores.
 */
export class HttpClient {
  private readonly agent: Agent;
  private readonly hostname: string;
  private readonly port: string;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(url: string, connections: number, headers: Readonly<Record<string, string>> = {}) {
    const { hostname, port } = new URL(url);
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.hostname = hostname;
    this.port = port;
    this.headers = { 'content-type': 'application/json', ...headers };
  }

  /** The answer's JSON. Throws where its status is none of success, or it does not come in time. */
  json<T>(method: string, path: string, body?: unknown, timeoutMs = 120_000): Promise<T> {
    return this.text(method, path, body === undefined ? '' : JSON.stringify(body), timeoutMs).then(
      (text) => JSON.parse(text || '{}') as T,
    );
  }

  private text(method: string, path: string, body: string, timeoutMs: number): Promise<string> {
    const { agent, hostname, port } = this;
    const headers = { ...this.headers, 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const sent = request({ agent, hostname, port, method, path, headers, timeout: timeoutMs }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          const { statusCode = 0 } = response;
          if (statusCode >= 200 && statusCode < 300) resolve(text);
          else reject(new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 500)}`));
        });
        response.on('error', reject);
      });
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer within ${timeoutMs} ms`)));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** Runs `count` calls, `inFlight` of them at a time. */
export async function inFlight(count: number, inFlight: number, call: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
}
