import type { GatewayVersion, ListenerExpiry } from '../../core/protocol/control-plane.ts';
import { upstreamEntryKey } from '../../traffic/snapshot/keys.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import { DONE, type ReconcileResult } from '../reconcile.ts';
import type { ResourceKey } from '../resource.ts';
import type { ResourceChange } from '../resource-store.ts';
import { compileUpstream } from '../upstream-spec.ts';
import { POLICY_PLURALS } from './attached-policies.ts';
import { GrantWork } from './grant-work.ts';
import { ListenerWork } from './listener-work.ts';
import { PolicyWork } from './policy-work.ts';
import { ProgrammedWork } from './programmed-work.ts';
import { NO_UPSTREAM } from './records.ts';
import { RouteClaims } from './route-claims.ts';
import { RouteParents } from './route-parents.ts';
import { RouteWork } from './route-work.ts';
import { Workspace, type WorkspaceParts } from './workspace.ts';

/** Those who refer to one target are handed on at this pace, so that other changes are not behind all of them. */
const REQUEUED_A_STEP = 500;
const REQUEUE_EVERY_MS = 1_000;

/**
 * The gateway's side of the control plane: each change of a resource asks for looks at what it touches, a look writes
 * rules, entries and conditions, and what changed is published. Works are named `gateway-…:{what}`.
 */
export class GatewayControl {
  private readonly space: Workspace;
  private readonly listeners: ListenerWork;
  private readonly claims: RouteClaims;
  private readonly routes: RouteWork;
  private readonly policies: PolicyWork;
  private readonly grants: GrantWork;
  private readonly programmed: ProgrammedWork;

  constructor(parts: WorkspaceParts) {
    this.space = new Workspace(parts);
    this.listeners = new ListenerWork(this.space);
    this.claims = new RouteClaims(this.space);
    this.routes = new RouteWork(this.space, this.claims, new RouteParents(this.space, this.listeners));
    this.policies = new PolicyWork(this.space, this.listeners);
    this.grants = new GrantWork(this.space);
    this.programmed = new ProgrammedWork(this.space);
  }

  /** In the transaction of a change: the works it asks for. */
  workFor(change: ResourceChange): string[] {
    if (change.statusOnly) return [];
    const { key, object, previous, type } = change;
    const name = `${key.namespace}/${key.name}`;
    const isGone = type === 'DELETED' || object.metadata.deletionTimestamp !== undefined;
    if (key.group === GATEWAY_GROUP) {
      if (key.resource === 'httproutes') this.claims.changed(key, isGone ? undefined : object, previous);
      if (key.resource === 'httproutes') this.space.touch(`target:HTTPRoute ${name}`);
      if (key.resource === 'gateways') this.space.touch(`target:Gateway ${name}`);
      if (key.resource === 'referencegrants') this.space.touch(`grants:${key.namespace}`);
    }
    if (key.group === 'orasi.io' && key.resource === 'upstreams') this.space.touch(`target:Upstream ${name}`);
    if (key.group === 'orasi.io' && key.resource === 'hostnamegrants') this.grants.changed([object, previous]);
    if (key.group === '' && key.resource === 'namespaces') {
      this.space.touch(`namespace:${key.name}`);
      if (isGone) this.lookAtHeld();
    }
    if (key.group === '' && key.resource === 'secrets') {
      this.space.touch(`secret:${name}`);
      this.lookAtHeld();
    }
    return worksOf(key);
  }

  /** The work that looks at an object anew, whatever has changed. */
  anew(key: ResourceKey): string[] {
    return worksOf(key);
  }

  does(task: string): boolean {
    return task.startsWith('gateway-');
  }

  async work(task: string, text: string): Promise<ReconcileResult> {
    if (task === 'gateway-publish') return await this.space.publisher.step();
    return this.space.parts.storage.transaction(() => this.look(task, text));
  }

  /** Has the present version announced again, whoever missed it hears it now, and what it lacks in the bucket written. */
  tick(): void {
    this.space.publisher.repeatAnnouncement();
    this.space.publisher.lookForLost();
    this.space.publish();
  }

  versions(): { versions: GatewayVersion[]; pinned: number | null } {
    const { publisher } = this.space;
    return { versions: publisher.versions(), pinned: publisher.pinned() };
  }

  /** See `ControlPlaneGateway.pinGatewayVersion`. */
  pin(version: number | null): boolean {
    return this.space.parts.storage.transaction(() => {
      const isKept = this.space.publisher.pin(version);
      if (isKept) this.space.publish();
      if (isKept) this.listeners.lookAtAll();
      return isKept;
    });
  }

  /** In the transaction of a change that goes for the version that is held to as well. */
  private lookAtHeld(): void {
    const { publisher } = this.space;
    if (publisher.pinned() === null) return;
    publisher.lookAtHeld();
    this.space.publish();
  }

  listenerExpiries(): ListenerExpiry[] {
    return this.listeners.certificates();
  }

  private look(task: string, text: string): ReconcileResult {
    switch (task) {
      case 'gateway-class':
        return this.listeners.lookAtClass(text);
      case 'gateway-listeners':
        return this.listeners.look(text);
      case 'gateway-all-listeners':
        return this.listeners.lookAtAll();
      case 'gateway-route':
        return this.routes.look(text);
      case 'gateway-policy':
        return this.policies.look(text);
      case 'gateway-retired-policy':
        return this.policies.collect(text);
      case 'gateway-grant':
        return this.grants.look(text);
      case 'gateway-programmed':
        return this.programmed.look();
      case 'gateway-upstream':
        return this.lookAtUpstream(text);
      case 'gateway-requeue':
        return this.requeue(text);
      default:
        return { error: `no such work: ${task}`, terminal: true };
    }
  }

  private lookAtUpstream(text: string): ReconcileResult {
    const [namespace, name] = text.split('/');
    const upstream = this.space.find('orasi.io', 'upstreams', namespace, name);
    const uid = this.space.namespaceUid(namespace);
    const work = `gateway-upstream:${text}`;
    const before = this.space.records.get(work, NO_UPSTREAM);
    const key = upstream === undefined ? '' : `${uid}/${name}`;
    if (before.key !== '' && before.key !== key) this.space.entries.put(upstreamEntryKey(before.key), null);
    if (upstream !== undefined)
      this.space.entries.put(upstreamEntryKey(key), JSON.stringify(compileUpstream(upstream, uid)));
    this.space.records.put(work, upstream === undefined ? null : { key });
    // Whoever names it has to know whether it is there; what its addresses are, those alone that rewrite the host.
    this.space.touch(before.key === key ? `address:${text}` : `upstream:${text}`);
    this.space.publish();
    return DONE;
  }

  /** Hands a portion of those who refer to a target on to the queue. */
  private requeue(target: string): ReconcileResult {
    const { facts, references } = this.space;
    const cursor = `requeue:${target}`;
    const works = references.to(target, facts.text(cursor), REQUEUED_A_STEP);
    works.forEach((work, index) => {
      this.space.ask(work, (index * REQUEUE_EVERY_MS) / REQUEUED_A_STEP);
    });
    const isLast = works.length < REQUEUED_A_STEP;
    facts.set(cursor, isLast ? '' : works[works.length - 1]);
    return isLast ? DONE : { requeueAfterMs: REQUEUE_EVERY_MS };
  }
}

/** By resource, what looks at it. */
function worksOf({ group, resource, namespace, name }: ResourceKey): string[] {
  if (group === GATEWAY_GROUP) {
    switch (resource) {
      case 'gatewayclasses':
        return [`gateway-class:${name}`];
      case 'gateways':
        return [`gateway-listeners:${namespace}/${name}`];
      case 'httproutes':
        return [`gateway-route:${namespace}/${name}`];
    }
  }
  if (group !== 'orasi.io') return [];
  if (resource === 'upstreams') return [`gateway-upstream:${namespace}/${name}`];
  if (POLICY_PLURALS.some((plural) => plural === resource)) return [`gateway-policy:${resource}/${namespace}/${name}`];
  return [];
}
