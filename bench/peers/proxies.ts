import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { openBundle } from '../../scripts/launcher/bundle.ts';
import { type Instance, launch } from '../../scripts/launcher.ts';
import type { Program } from './programs.ts';
import { freePorts, Server } from './server.ts';

/** A server that answers on the loopback, and the processes whose time it costs. */
export interface ProxyServer {
  /** `http://127.0.0.1:1234` */
  readonly url: string;
  pids(): readonly number[];
  stop(): Promise<void>;
}

/** A Worker of this folder on the local platform, under the bindings of ours. */
export async function startWorker(
  name: 'bare-proxy' | 'careful-proxy' | 'hono-proxy',
  backend: string,
): Promise<ProxyServer> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-peer-'));
  await build({
    stdin: {
      contents: `export { default } from './${name}.ts'; export * from './proxy-objects.ts';`,
      resolveDir: import.meta.dirname,
    },
    outfile: join(folder, 'worker.js'),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'error',
  });
  const instance: Instance = await launch({ bundle: await openBundle(folder), vars: { BACKEND: backend } });
  return {
    url: instance.url,
    pids: () => [instance.workerdPid],
    async stop() {
      await instance.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** nginx with one worker process: as a backend that answers `body` to everything, or as a proxy to one. */
export async function startNginx(program: Program, role: { body: string } | { proxyTo: string }): Promise<ProxyServer> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-nginx-'));
  const [port] = await freePorts(1);
  const location =
    'body' in role
      ? `default_type application/json; return 200 '${role.body}';`
      : 'proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";';
  const upstream = 'proxyTo' in role ? `upstream backend { server ${new URL(role.proxyTo).host}; keepalive 64; }` : '';
  const config = `daemon off; master_process off; error_log stderr warn; pid ${folder}/pid;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  ${upstream}
  server { listen 127.0.0.1:${port}; location / { ${location} } }
}`;
  return startServer(program, folder, port, 'nginx.conf', config, (path) => ['-c', path, '-p', folder]);
}

/** haproxy with one thread, as a proxy. */
export async function startHaproxy(program: Program, proxyTo: string): Promise<ProxyServer> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-haproxy-'));
  const [port] = await freePorts(1);
  const config = `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  http-reuse always
  server one ${new URL(proxyTo).host}
`;
  return startServer(program, folder, port, 'haproxy.cfg', config, (path) => ['-db', '-f', path]);
}

async function startServer(
  program: Program,
  folder: string,
  port: number,
  file: string,
  config: string,
  args: (path: string) => string[],
): Promise<ProxyServer> {
  const path = join(folder, file);
  writeFileSync(path, config);
  const url = `http://127.0.0.1:${port}`;
  const server = await Server.start(program, args(path), async () => (await fetch(url)).ok);
  return {
    url,
    pids: () => (server.pid === undefined ? [] : [server.pid]),
    async stop() {
      await server.kill();
      rmSync(folder, { recursive: true });
    },
  };
}
