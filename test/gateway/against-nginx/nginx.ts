import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../discovery/process.ts';
import { HOST } from './requests.ts';

export interface Nginx {
  readonly port: number;
  /** What it made of each request that it routed: by the request's id, its route and its path, decoded. */
  routed(): ReadonlyMap<string, { readonly route: string; readonly path: string }>;
  stop(): Promise<void>;
}

/** nginx as it comes, but for the three routes of the test; the path it has matched is in its log, a line a request. */
export async function startNginx(program: string, backendPort: number): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-nginx-'));
  const [port] = await freePorts(1);
  const log = join(folder, 'routed.log');
  const to = (route: string) =>
    `set $route ${route}; proxy_set_header X-Route ${route}; proxy_set_header Host $http_host; proxy_pass http://127.0.0.1:${backendPort};`;
  const server = (names: string, routes: string) =>
    `server { listen 127.0.0.1:${port}; server_name ${names}; ${routes} }`;
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; error_log stderr crit; pid ${folder}/pid;
events { worker_connections 512; }
http {
  log_format routed escape=json '{"id":"$http_x_id","route":"$route","path":"$uri"}';
  access_log ${log} routed;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen 127.0.0.1:${port} default_server; server_name _; set $route ""; return 404; }
  ${server(
    HOST,
    `set $route ""; location / { ${to('any')} } location = /public { ${to('public')} } location /public/ { ${to('public')} }
     location = /admin { ${to('admin')} } location /admin/ { ${to('admin')} }`,
  )}
  ${server(`*.${HOST}`, `set $route ""; location / { ${to('wild')} }`)}
}`,
  );
  const child: ChildProcess = spawn(program, ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}/`;
  for (
    let turn = 0;
    !(await fetch(url).then(
      () => true,
      () => false,
    ));
    turn++
  ) {
    if (turn > 200 || child.exitCode !== null) throw new Error('nginx does not answer');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return {
    port,
    routed() {
      const lines = readFileSync(log, 'latin1')
        .split('\n')
        .filter((line) => line !== '');
      const entries = lines.map((line) => JSON.parse(line) as { id: string; route: string; path: string });
      return new Map(entries.map(({ id, route, path }) => [id, { route, path }]));
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
