import * as z from 'zod';
import { conditionedStatus } from '../condition-schema.ts';
import type { KindDeclaration } from '../declaration.ts';
import { hostname, namespaceName } from '../gateway-schema/names.ts';

/**
 * Gives a hostname, or all below a wildcard, to one namespace, whoever claimed it first. It lives outside of
 * namespaces, so that only those write it whose key is confined to none.
 */
export const hostnamegrantKind: KindDeclaration = {
  info: {
    group: 'orasi.io',
    version: 'v1alpha1',
    kind: 'HostnameGrant',
    plural: 'hostnamegrants',
    singular: 'hostnamegrant',
    shortNames: ['hg'],
    categories: ['orasi'],
    namespaced: false,
    statusSubresource: true,
    printerColumns: [
      { name: 'Hostname', type: 'string', jsonPath: '.spec.hostname' },
      { name: 'Namespace', type: 'string', jsonPath: '.spec.namespace' },
      { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      spec: z.object({
        hostname: hostname().describe('a.example.com, or *.example.com for everything below.'),
        namespace: namespaceName().describe('Whose it is; the namespace need not exist yet.'),
      }),
      status: conditionedStatus(),
    }),
};
