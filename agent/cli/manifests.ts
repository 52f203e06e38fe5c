import { parseAllDocuments } from 'yaml';
import type { Manifest } from '../client/resources.ts';

/**
 * The objects of a file of YAML or JSON: several documents, and Lists taken apart. Throws an Error that names the
 * place.
 */
export function parseManifests(text: string, file: string): Manifest[] {
  const documents = parseAllDocuments(text);
  const manifests: Manifest[] = [];
  for (const [at, document] of [...documents].entries()) {
    const place = documents.length > 1 ? `${file}, document ${at + 1}` : file;
    const fault = document.errors[0];
    if (fault !== undefined) {
      const line = fault.linePos === undefined ? '' : `:${fault.linePos[0].line}`;
      throw new Error(`${place}${line} is not YAML: ${fault.message.split('\n')[0].replace(/ at line .*$/, '')}`);
    }
    const value: unknown = document.toJS();
    // An empty document between two `---` is none.
    if (value !== null && value !== undefined) manifests.push(...checked(value, place));
  }
  if (manifests.length === 0) throw new Error(`${file} holds no object`);
  return manifests;
}

function checked(value: unknown, place: string): Manifest[] {
  const isRecord = (each: unknown): each is Record<string, unknown> =>
    typeof each === 'object' && each !== null && !Array.isArray(each);
  const isText = (each: unknown) => typeof each === 'string' && each !== '';
  if (!isRecord(value)) throw new Error(`${place} is not an object`);
  for (const field of ['apiVersion', 'kind']) {
    if (!isText(value[field])) throw new Error(`${place} has no ${field}`);
  }
  if (Array.isArray(value['items']) && String(value['kind']).endsWith('List')) {
    return value['items'].flatMap((item, at) => checked(item, `${place}, item ${at + 1}`));
  }
  const { metadata } = value;
  if (!isRecord(metadata) || !isText(metadata['name'])) throw new Error(`${place} has no metadata.name`);
  return [value as unknown as Manifest];
}
