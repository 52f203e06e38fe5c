import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const FOLDER = join(import.meta.dirname, '../deploy/examples/gateway');

/** A manifest of an example. */
export interface RecipeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Record<string, unknown>;
}

/** The examples of deploy/examples/gateway by name, each with its objects. */
export function recipes(): ReadonlyMap<string, readonly RecipeObject[]> {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));
  return new Map(
    files.sort().map((file) => {
      const documents = parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8'));
      return [file.slice(0, -'.yaml'.length), documents.map((document) => document.toJS() as RecipeObject)];
    }),
  );
}

/** The namespace an object goes to, or null for kinds outside of namespaces. */
export function namespaceOf({ kind, metadata }: RecipeObject): string | null {
  return ['GatewayClass', 'HostnameGrant', 'Namespace'].includes(kind) ? null : (metadata.namespace ?? 'default');
}

/** The plural of a kind, as its path has it. */
export function pluralOf({ kind }: RecipeObject): string {
  const name = kind.toLowerCase();
  return /[^aeiou]y$/.test(name) ? `${name.slice(0, -1)}ies` : `${name}s`;
}
