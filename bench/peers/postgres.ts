import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Program } from './programs.ts';
import { isListening } from './redis.ts';
import { freePorts, Server } from './server.ts';

export interface Postgres {
  readonly url: string;
  stop(): Promise<void>;
}

/** PostgreSQL does not run as root: then it is nobody's. */
const NOBODY = 65_534;

/** A PostgreSQL with the settings it comes with, writes through to the disk among them. */
export async function startPostgres({ path, env }: Program): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-postgres-'));
  const uid = process.getuid?.() === 0 ? NOBODY : undefined;
  if (uid !== undefined) chownSync(folder, uid, uid);
  const as = { cwd: folder, ...(uid === undefined ? {} : { uid }) };
  const data = join(folder, 'data');
  const init = spawnSync(
    join(dirname(path), 'initdb'),
    ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--no-locale'],
    { env, encoding: 'utf8', ...as },
  );
  if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}`);
  const [port] = await freePorts(1);
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`];
  const server = await Server.start(
    { path, env },
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    () => isListening(port),
    as,
  );
  return {
    url: `postgres://bench@127.0.0.1:${port}/postgres`,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
