import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where programs are kept that may not be installed. `.ci/run` puts etcd here. */
const PROGRAMS = join(import.meta.dirname, '../../.orasi/programs');

/** A program that can be started, with the environment it needs. */
export interface Program {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Finds a program on this machine, or unpacks the Debian package that has it; null, said aloud, where neither goes. */
export function findProgram(name: string, debianPackage: string): Program | null {
  const unpacked = join(PROGRAMS, `${debianPackage}-package`);
  const found = installed(name) ?? within(unpacked, name);
  if (found !== null) return found;
  process.stderr.write(`${name} is not installed: unpacking Debian's ${debianPackage} …\n`);
  const { status, stderr } = spawnSync(join(import.meta.dirname, 'unpack.sh'), [unpacked, debianPackage], {
    encoding: 'utf8',
  });
  const program = status === 0 ? within(unpacked, name) : null;
  if (program === null) process.stderr.write(`SKIPPED: ${name} is not to be had here. ${lastLine(stderr)}\n`);
  return program;
}

function installed(name: string): Program | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), PROGRAMS, ...postgresFolders('/')];
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  return path === undefined ? null : { path, env: process.env };
}

/** A program of an unpacked package, which looks for its libraries there first. */
function within(root: string, name: string): Program | null {
  const folders = [join(root, 'usr/bin'), join(root, 'usr/sbin'), ...postgresFolders(root)];
  const path = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (path === undefined) return null;
  const libraries = ['usr/lib', 'lib'].flatMap((folder) => [join(root, folder), ...architectures(join(root, folder))]);
  return { path, env: { ...process.env, LD_LIBRARY_PATH: libraries.join(delimiter) } };
}

/** Debian keeps PostgreSQL's programs by version. */
function postgresFolders(root: string): string[] {
  const versions = join(root, 'usr/lib/postgresql');
  return existsSync(versions) ? readdirSync(versions).map((version) => join(versions, version, 'bin')) : [];
}

function architectures(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => join(folder, name));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function lastLine(text: string | null): string {
  return text?.trim().split('\n').at(-1) ?? '';
}
