import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Declared, parseManifests } from './manifests.ts';

const MANIFEST_FILE = /\.(ya?ml|json)$/i;

/**
 * The objects of files, of folders and, for `-`, of standard input, in the order they are named; of a folder every
 * `.yaml`, `.yml` and `.json` in it by name, and nothing of the folders below. Throws an Error that names the place.
 */
export async function readManifests(paths: readonly string[], stdin: NodeJS.ReadStream): Promise<Declared[]> {
  const declared: Declared[] = [];
  for (const path of paths) {
    if (path === '-') {
      let text = '';
      for await (const chunk of stdin.setEncoding('utf8')) text += chunk;
      declared.push(...parseManifests(text, 'standard input'));
    } else {
      for (const file of await filesOf(path)) {
        declared.push(...parseManifests(await readable(file, () => readFile(file, 'utf8')), file));
      }
    }
  }
  return declared;
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await readable(path, () => stat(path))).isDirectory()) return [path];
  const entries = await readable(path, () => readdir(path, { withFileTypes: true }));
  const names = entries.filter((entry) => !entry.isDirectory() && MANIFEST_FILE.test(entry.name));
  if (names.length === 0) throw new Error(`${path} holds no .yaml, .yml or .json file`);
  return names.map(({ name }) => join(path, name)).sort();
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
