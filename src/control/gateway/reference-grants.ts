import { type JsonObject, objectsIn } from '../json.ts';

/** A reference that leaves its namespace: who refers, and to what. */
export interface CrossReference {
  readonly from: { readonly group: string; readonly kind: string; readonly namespace: string };
  readonly to: { readonly group: string; readonly kind: string; readonly name: string };
}

/** Whether one of the ReferenceGrants of the namespace that is referred to allows it; `specs` are theirs. */
export function isGranted(reference: CrossReference, specs: Iterable<JsonObject>): boolean {
  const { from, to } = reference;
  for (const spec of specs) {
    const trusts = objectsIn(spec.from).some(
      (item) => item.group === from.group && item.kind === from.kind && item.namespace === from.namespace,
    );
    const names = objectsIn(spec.to).some(
      (item) => item.group === to.group && item.kind === to.kind && (item.name === undefined || item.name === to.name),
    );
    if (trusts && names) return true;
  }
  return false;
}
