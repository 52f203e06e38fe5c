import http from 'node:http';
import type { Identity } from './lying-backend.ts';

/** What became of one request. */
export type Ended =
  /** Whole, with a backend's identity. */
  | { readonly type: 'answered'; readonly identity: Identity }
  /** By the gateway, with the code of its problem. */
  | { readonly type: 'refused'; readonly status: number; readonly code: string }
  /** The connection broke: before the head, or within the body. */
  | { readonly type: 'broken'; readonly began: boolean }
  /** Whole, and neither a backend's answer nor a problem. */
  | { readonly type: 'nonsense'; readonly status: number; readonly body: string }
  /** Nothing within the time the client waits, which is longer than any of the gateway's. */
  | { readonly type: 'hanging' };

export interface CheckedRequest {
  readonly host: string;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  /** Said by the request, and to be said by its answer. */
  readonly id: string;
}

/** Sends one request and reads its answer to the end. */
export async function check(
  url: string,
  agent: http.Agent,
  { host, path, method, id }: CheckedRequest,
  waitMs: number,
): Promise<Ended> {
  return await new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const headers = { host, 'x-check': id };
    let began = false;
    const request = http.request({ hostname, port, path, method, agent, headers }, (response) => {
      began = true;
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        body += piece;
      });
      response.on('end', () => end(read(response.statusCode ?? 0, body)));
      response.on('error', () => end({ type: 'broken', began }));
    });
    const timer = setTimeout(() => end({ type: 'hanging' }), waitMs);
    const end = (ended: Ended) => {
      clearTimeout(timer);
      resolve(ended);
      if (ended.type === 'hanging') request.destroy();
    };
    request.on('error', () => end({ type: 'broken', began }));
    request.end(method === 'POST' ? 'some body' : undefined);
  });
}

function read(status: number, body: string): Ended {
  try {
    const json = JSON.parse(body) as Partial<Identity> & { code?: unknown; requestId?: unknown };
    if (status === 200 && typeof json.tenant === 'string') return { type: 'answered', identity: json as Identity };
    if (status >= 400 && typeof json.code === 'string' && typeof json.requestId === 'string') {
      return { type: 'refused', status, code: json.code };
    }
  } catch {
    // Said below.
  }
  return { type: 'nonsense', status, body: body.slice(0, 200) };
}
