import { type Call, type Connection, FieldsError } from '../cli/command.ts';
import { readManifests } from '../cli/manifest-files.ts';
import type { Declared } from '../cli/manifests.ts';
import { type ResourceKind, readKinds } from '../client/resources.ts';

/** An object that files name, with where it is at the server. */
export interface Target extends Declared {
  readonly kind: ResourceKind;
  readonly namespace: string;
}

/** `httproute/shop`, as commands name what they have done. */
export function nameOf({ kind, manifest }: Target): string {
  return `${kind.singular}/${manifest.metadata.name}`;
}

/**
 * What the files of `--file` name. Throws FieldsError with every object whose kind nobody knows, so that it is said
 * before anything is changed.
 */
export async function readTargets(
  call: Call,
): Promise<{ readonly connection: Connection; readonly targets: readonly Target[] }> {
  const declared = await readManifests(call.options.texts('file'), call.stdin);
  const connection = await call.connect();
  const kinds = await readKinds(connection.client, 'all');
  const targets: Target[] = [];
  const unknown: { path: string; message: string }[] = [];
  for (const { place, manifest } of declared) {
    const { apiVersion, kind: name } = manifest;
    const kind = kinds.find((each) => each.groupVersion === apiVersion && each.kind === name);
    const namespace = manifest.metadata.namespace ?? connection.namespace;
    if (kind !== undefined) targets.push({ place, manifest, kind, namespace });
    else unknown.push({ path: place, message: `there is no kind ${name} in ${apiVersion}` });
  }
  if (unknown.length > 0) throw new FieldsError('nothing is changed; `orasi kinds` lists the kinds there are', unknown);
  return { connection, targets };
}
