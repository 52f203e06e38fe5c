import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { codeOf } from '../client/errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** A platform by name: where it is and how to get in. */
export interface Context {
  readonly url: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly namespace?: string;
}

/** The file of contexts. */
export interface Contexts {
  readonly current?: string;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** `ORASI_CONFIG`, else `orasi/config.json` in the user's folder of configuration. */
export function contextsPath(env: Env): string {
  if (env['ORASI_CONFIG']) return env['ORASI_CONFIG'];
  if (process.platform === 'win32' && env['APPDATA']) return join(env['APPDATA'], 'orasi', 'config.json');
  return join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'orasi', 'config.json');
}

/** No file is no contexts. Throws where there is one that cannot be read. */
export async function readContexts(path: string): Promise<Contexts> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { contexts: {} };
    throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
  const parsed = checkedContexts(text);
  if (parsed === undefined) throw new Error(`${path} is not a file of contexts; mend or remove it`);
  return parsed;
}

function checkedContexts(text: string): Contexts | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isRecord = (each: unknown): each is Record<string, unknown> =>
    typeof each === 'object' && each !== null && !Array.isArray(each);
  if (!isRecord(value) || !isRecord(value['contexts'])) return undefined;
  const sound = Object.values(value['contexts']).every(
    (each) => isRecord(each) && Object.values(each).every((field) => typeof field === 'string') && 'url' in each,
  );
  return sound ? (value as unknown as Contexts) : undefined;
}

/** Writes the file whole or not at all, for its owner alone to read: it holds tokens. */
export async function writeContexts(path: string, contexts: Contexts): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const written = `${path}.${process.pid}`;
  await writeFile(written, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600 });
  await chmod(written, 0o600);
  await rename(written, path);
}
