import { conditionFalse, conditionTrue, putVerdicts } from '../conditions.ts';
import { objectIn } from '../json.ts';
import { DONE, type ReconcileResult } from '../reconcile.ts';
import type { Resource, ResourceKey } from '../resource.ts';
import type { Workspace } from './workspace.ts';

/** HostnameGrants: whose hostnames are another's now, and which of two grants counts. */
export class GrantWork {
  private readonly space: Workspace;

  constructor(space: Workspace) {
    this.space = space;
  }

  /** In the transaction of a change: everybody looks again who has a host that it speaks of, or spoke of. */
  changed(grants: readonly (Resource | undefined)[]): void {
    this.space.hostnameGrants.forget();
    for (const grant of grants) {
      if (grant === undefined) continue;
      for (const rival of this.space.claims.rivals(hostnameOf(grant), null)) this.space.touch(`host:${rival}`);
    }
    for (const { object } of this.space.store.all(GRANTS)) this.space.ask(`gateway-grant:${object.metadata.name}`);
  }

  look(name: string): ReconcileResult {
    const key: ResourceKey = { ...GRANTS, name };
    const grants = [...this.space.store.all(GRANTS)].sort((a, b) => a.createdRevision - b.createdRevision);
    const grant = grants.find(({ object }) => object.metadata.name === name)?.object;
    if (grant === undefined) return DONE;
    const first = grants.find(({ object }) => hostnameOf(object) === hostnameOf(grant))?.object ?? grant;
    const verdict =
      first.metadata.name === name
        ? conditionTrue('Accepted', 'Accepted', 'the grant is in force')
        : conditionFalse(
            'Accepted',
            'Conflicted',
            `HostnameGrant ${first.metadata.name} is older and has the same hostname`,
          );
    this.space.store.edit(key, (object) => putVerdicts(object, [verdict], this.space.parts.clock.now()));
    return DONE;
  }
}

const GRANTS = { group: 'orasi.io', resource: 'hostnamegrants', namespace: '' };

function hostnameOf(grant: Resource): string {
  return String(objectIn(grant.spec).hostname).toLowerCase();
}
