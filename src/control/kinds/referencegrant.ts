import * as z from 'zod';
import type { KindDeclaration } from '../declaration.ts';
import { atomicList, groupName, kindName, namespaceName, objectName } from '../gateway-schema/names.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';

/** Allows objects of other namespaces to name objects of its own: the standard's kind (v1.5.1). */
export const referencegrantKind: KindDeclaration = {
  info: {
    group: GATEWAY_GROUP,
    version: 'v1',
    olderVersions: ['v1beta1'],
    kind: 'ReferenceGrant',
    plural: 'referencegrants',
    singular: 'referencegrant',
    shortNames: ['refgrant'],
    categories: ['gateway-api'],
    namespaced: true,
    statusSubresource: false,
    printerColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
  },
  schema: () =>
    z.object({
      spec: z
        .object({
          from: atomicList(z.object({ group: groupName(), kind: kindName(), namespace: namespaceName() }))
            .min(1)
            .max(16)
            .describe('Who may name what `to` says: objects of this kind in this namespace.'),
          to: atomicList(z.object({ group: groupName(), kind: kindName(), name: objectName().optional() }))
            .min(1)
            .max(16)
            .describe('What may be named: all of the kind, where no name is said.'),
        })
        .optional(),
    }),
};
