import { parseAllDocuments } from 'yaml';
import type { Manifest } from '../client/resources.ts';

/** An object of a file, with where it stands there. */
export interface Declared {
  /** For people: `shop.yaml, document 2`. */
  readonly place: string;
  readonly manifest: Manifest;
}

/**
 * The objects of a file of YAML or JSON: several documents, and Lists taken apart. Throws an Error that names the
 * place.
 */
export function parseManifests(text: string, file: string): Declared[] {
  const documents = parseAllDocuments(text);
  const declared: Declared[] = [];
  for (const [at, document] of [...documents].entries()) {
    const place = documents.length > 1 ? `${file}, document ${at + 1}` : file;
    const fault = document.errors[0];
    if (fault !== undefined) {
      const line = fault.linePos === undefined ? '' : `:${fault.linePos[0].line}`;
      throw new Error(`${place}${line} is not YAML: ${fault.message.split('\n')[0].replace(/ at line .*$/, '')}`);
    }
    const value: unknown = document.toJS();
    // An empty document between two `---` is none.
    if (value !== null && value !== undefined) declared.push(...checked(value, place));
  }
  if (declared.length === 0) throw new Error(`${file} holds no object`);
  return declared;
}

function checked(value: unknown, place: string): Declared[] {
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
  return [{ place, manifest: value as unknown as Manifest }];
}
