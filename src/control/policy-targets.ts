import * as z from 'zod';
import { conditionList, observedConditions } from './condition-schema.ts';
import {
  atomicList,
  controllerName,
  groupName,
  kindName,
  namespaceName,
  objectName,
  sectionName,
} from './gateway-schema/names.ts';
import { type JsonValue, objectIn, objectsIn } from './json.ts';
import { type Cause, duplicate, forbiddenField, unsupportedValue } from './status.ts';

/** What a policy may be attached to, by the plural that names it in tables. */
const TARGETS: readonly (readonly [group: string, kind: string])[] = [
  ['gateway.networking.k8s.io', 'Gateway'],
  ['gateway.networking.k8s.io', 'HTTPRoute'],
  ['orasi.io', 'Upstream'],
];

/** `spec.targetRefs` of a policy: GEP-713's LocalPolicyTargetReferenceWithSectionName. */
export function policyTargets() {
  return atomicList(
    z.object({
      group: groupName(),
      kind: kindName(),
      name: objectName(),
      sectionName: sectionName()
        .optional()
        .describe('A rule of a route, a listener of a Gateway; all where it is not said.'),
    }),
  )
    .min(1)
    .max(16)
    .describe(
      "What the policy is attached to, in its own namespace. A rule's policy goes before its route's, that before the Upstream's, and that before the Gateway's.",
    );
}

/** `status` of a policy: the standard's, a Gateway or route an entry. */
export function policyStatus() {
  return z
    .object({
      ...observedConditions(),
      ancestors: atomicList(
        z.object({
          ancestorRef: z.object({
            group: groupName().optional(),
            kind: kindName().optional(),
            namespace: namespaceName().optional(),
            name: objectName(),
            sectionName: sectionName().optional(),
          }),
          controllerName: controllerName(),
          conditions: conditionList(),
        }),
      )
        .max(16)
        .optional()
        .describe('What came of each target.'),
    })
    .optional();
}

/** What a schema cannot say of targets. */
export function targetFaults(spec: JsonValue | undefined): Cause[] {
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const [at, target] of objectsIn(objectIn(spec).targetRefs).entries()) {
    const path = `spec.targetRefs[${at}]`;
    const kinds = TARGETS.filter(([group]) => group === target.group).map(([, kind]) => kind);
    if (kinds.length === 0)
      causes.push(unsupportedValue(`${path}.group`, target.group, [...new Set(TARGETS.map(([group]) => group))]));
    else if (!kinds.includes(String(target.kind))) causes.push(unsupportedValue(`${path}.kind`, target.kind, kinds));
    else if (target.kind === 'Upstream' && target.sectionName !== undefined) {
      causes.push(forbiddenField(`${path}.sectionName`, 'an Upstream has no sections'));
    }
    const text = JSON.stringify([target.group, target.kind, target.name, target.sectionName ?? null]);
    if (seen.has(text)) causes.push(duplicate(path, { ...target }));
    seen.add(text);
  }
  return causes;
}
