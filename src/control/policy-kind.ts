import * as z from 'zod';
import type { KindDeclaration } from './declaration.ts';
import type { PrinterColumn } from './kind-info.ts';
import { policyStatus, policyTargets } from './policy-targets.ts';
import type { Resource } from './resource.ts';
import type { Cause } from './status.ts';

/** What one kind of policy has to itself. */
interface PolicyDeclaration {
  readonly kind: `${string}Policy`;
  readonly shortNames: readonly string[];
  /** Between its first target and whether it is accepted. */
  readonly columns: readonly PrinterColumn[];
  /** Of the spec, beside `targetRefs`, which one that is given here takes the place of. */
  readonly fields: () => z.ZodRawShape;
  /** What a schema cannot say. */
  readonly faults: (object: Resource) => Cause[];
}

/** A kind that attaches to Gateways, routes and Upstreams: the head, the targets and the status that all of them have. */
export function policyKind({ kind, shortNames, columns, fields, faults }: PolicyDeclaration): KindDeclaration {
  const singular = kind.toLowerCase();
  const accepted = '.status.conditions[?(@.type=="Accepted")]';
  return {
    info: {
      group: 'orasi.io',
      version: 'v1alpha1',
      kind,
      plural: singular.replace(/y$/, 'ies'),
      singular,
      shortNames: [...shortNames],
      categories: ['all', 'orasi'],
      namespaced: true,
      statusSubresource: true,
      printerColumns: [
        { name: 'Target', type: 'string', jsonPath: '.spec.targetRefs[0].name' },
        ...columns,
        { name: 'Accepted', type: 'string', jsonPath: `${accepted}.status` },
        { name: 'Reason', type: 'string', jsonPath: `${accepted}.reason`, priority: 1 },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    },
    schema: () => z.object({ spec: z.object({ targetRefs: policyTargets(), ...fields() }), status: policyStatus() }),
    strategy: { validate: (object) => faults(object) },
  };
}
