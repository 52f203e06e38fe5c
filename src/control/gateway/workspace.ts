import type { Clock } from '../../core/clock.ts';
import type { ObjectDatabase } from '../../core/object-database.ts';
import type { EdgeTier } from '../../core/protocol/rate-limit.ts';
import type { Log } from '../../observe/log.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import type { Resource } from '../resource.ts';
import type { ResourceStore } from '../resource-store.ts';
import type { SecretSource } from '../secret-entries.ts';
import type { ControlStorage } from '../storage.ts';
import { AttachedPolicies } from './attached-policies.ts';
import { HostClaims } from './claims.ts';
import { GatewayEntries } from './entries.ts';
import { Facts } from './facts.ts';
import { HostRules } from './host-rules.ts';
import { HostnameGrants } from './hostname-grants.ts';
import { covers } from './hostnames.ts';
import { GatewayPublisher } from './publisher.ts';
import { Records } from './records.ts';
import { type CrossReference, isGranted } from './reference-grants.ts';
import { References } from './references.ts';
import { RoutePublications } from './route-publications.ts';

/** What the deployment gives the gateway's side of the control plane. */
export interface GatewayParts {
  /** The control plane's own, migrated by `migrateGateway`. */
  readonly database: ObjectDatabase;
  /** Where shards and manifests lie. */
  readonly files: ObjectStore;
  /** Says that a version lies in the bucket. Resolves once it has been heard. */
  readonly announce: (version: number) => Promise<void>;
  /** Hosts of the management surface, `*.` for all below: no route has them. */
  readonly adminHosts: readonly string[];
  /** The platform's own limits, by which a RateLimitPolicy may have its requests counted where they are. */
  readonly edgeTiers: readonly EdgeTier[];
  /** How policies carry what was secret. */
  readonly policySecrets: Pick<SecretSource, 'digest' | 'seal'>;
}

/** What the looks at resources stand on together. */
export interface WorkspaceParts extends GatewayParts {
  readonly store: ResourceStore;
  readonly storage: ControlStorage;
  readonly clock: Clock;
  readonly log: Log;
}

/** More of those who refer to a target are handed on by a work of their own. */
const REQUEUED_AT_ONCE = 50;

/** What every work of the gateway reads and writes. */
export class Workspace {
  readonly parts: WorkspaceParts;
  readonly store: ResourceStore;
  readonly facts: Facts;
  readonly records: Records;
  readonly references: References;
  readonly entries: GatewayEntries;
  readonly rules: HostRules;
  readonly claims: HostClaims;
  readonly hostnameGrants: HostnameGrants;
  readonly policies: AttachedPolicies;
  readonly publications: RoutePublications;
  readonly publisher: GatewayPublisher;

  constructor(parts: WorkspaceParts) {
    const { database, files, clock, announce } = parts;
    this.parts = parts;
    this.store = parts.store;
    this.facts = new Facts(database);
    this.records = new Records(database);
    this.references = new References(database);
    this.entries = new GatewayEntries(database, (key, bytes) =>
      parts.log.error('an entry of the gateway is too large, and stays as it was', { key, bytes }),
    );
    this.rules = new HostRules(database, this.entries, (namespace) => this.namespaceUid(namespace));
    const grants = { group: 'orasi.io', resource: 'hostnamegrants', namespace: '' };
    this.hostnameGrants = new HostnameGrants(() => this.store.all(grants));
    this.claims = new HostClaims(database, (hostname) => this.hostnameGrants.for(hostname));
    this.policies = new AttachedPolicies(database);
    this.publications = new RoutePublications(database);
    this.publisher = new GatewayPublisher({
      database,
      rules: this.rules,
      entries: this.entries,
      files,
      clock,
      log: parts.log,
      announce,
      publications: this.publications,
      present: { namespaces: () => this.namespaces(), secrets: (namespace) => this.presentSecrets(namespace) },
      served: (after, released) => {
        this.publications.goBackTo(after);
        this.ask('gateway-programmed:');
        if (released) this.ask('gateway-all-listeners:');
      },
    });
  }

  /** An object that is there to stay; one that is being deleted counts as gone. */
  find(group: string, resource: string, namespace: string, name: string): Resource | undefined {
    const object = this.store.findClosed({ group, resource, namespace, name });
    return object === undefined || object.metadata.deletionTimestamp !== undefined ? undefined : object;
  }

  findStandard(resource: string, namespace: string, name: string): Resource | undefined {
    return this.find(GATEWAY_GROUP, resource, namespace, name);
  }

  namespaceUid(namespace: string): string {
    return (
      this.store.findClosed({ group: '', resource: 'namespaces', namespace: '', name: namespace })?.metadata.uid ?? ''
    );
  }

  /** The Secrets of a namespace; one that cannot be opened counts as gone, so that it holds up nobody else. */
  private presentSecrets(namespace: string): SecretSource {
    const { policySecrets, log } = this.parts;
    return {
      ...policySecrets,
      secret: (name) => {
        try {
          return this.store.find({ group: '', resource: 'secrets', namespace, name });
        } catch (error) {
          log.error('a secret cannot be opened', { namespace, name, error });
          return undefined;
        }
      },
    };
  }

  /** The namespaces that are there to stay, their names by their uids. */
  private namespaces(): Map<string, string> {
    const all = [...this.store.all({ group: '', resource: 'namespaces', namespace: '' })];
    const staying = all.filter(({ object }) => object.metadata.deletionTimestamp === undefined);
    return new Map(staying.map(({ object }) => [object.metadata.uid, object.metadata.name]));
  }

  isAllowed(reference: CrossReference, namespace: string): boolean {
    const grants = this.store.all({ group: GATEWAY_GROUP, resource: 'referencegrants', namespace });
    return isGranted(reference, specsOf(grants));
  }

  isReserved(hostname: string): boolean {
    return this.parts.adminHosts.some((pattern) => covers(pattern, hostname));
  }

  /** Asks for a work, now or later. */
  ask(work: string, afterMs = 0): void {
    this.parts.storage.addWork(work, this.parts.clock.now() + afterMs);
  }

  /** Has everybody who refers to a target look again. */
  touch(target: string): void {
    const works = this.references.to(target, '', REQUEUED_AT_ONCE + 1);
    if (works.length <= REQUEUED_AT_ONCE) for (const work of works) this.ask(work);
    else {
      // From the start again, whoever is being asked already.
      this.facts.set(`requeue:${target}`, '');
      this.ask(`gateway-requeue:${target}`);
    }
  }

  /** Asks for a publication, if it is not asked for yet. */
  publish(): void {
    this.parts.storage.addWork('gateway-publish:', this.publisher.nextAtMs());
  }
}

function* specsOf(grants: Iterable<{ readonly object: Resource }>) {
  for (const { object } of grants) {
    if (object.metadata.deletionTimestamp !== undefined) continue;
    const { spec } = object;
    if (typeof spec === 'object' && spec !== null && !Array.isArray(spec)) yield spec;
  }
}
