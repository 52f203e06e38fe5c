import { badField } from '../core/errors.ts';
import type { ApiBase } from './ports.ts';

/** A cluster's name. */
export const CLUSTER_NAME = /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/;

/** A cluster's name in the directory, from the parameters `ns` and `cluster` of a path. Throws `bad_request`, `not_found`. */
export async function clusterObjectName(base: ApiBase, params: Readonly<Record<string, string>>): Promise<string> {
  if (!CLUSTER_NAME.test(params.cluster)) {
    throw badField('cluster', 'expected at most 63 of a-z 0-9 - . with a letter or digit at both ends');
  }
  return `${await base.namespaceUid(params.ns)}/${params.cluster}`;
}
