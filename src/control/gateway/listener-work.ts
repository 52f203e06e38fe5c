import type { ListenerExpiry } from '../../core/protocol/control-plane.ts';
import { conditionFalse, conditionTrue, type Verdict, withCondition } from '../conditions.ts';
import { GATEWAY_CONTROLLER } from '../default-gateway.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import { isJsonObject, type JsonObject, objectIn, objectsIn } from '../json.ts';
import { checkListenerCertificate, type ListenerCertificate } from '../listener-certificate.ts';
import { DONE, type ReconcileResult } from '../reconcile.ts';
import type { Resource, ResourceKey } from '../resource.ts';
import { type GatewayFacts, listenerFacts } from './attach.ts';
import { type CertificateFault, type GatewayVerdict, judgeGateway } from './listeners.ts';
import { NO_GATEWAY } from './records.ts';
import { letGo, rolledBack } from './route-conditions.ts';
import { SUPPORTED_FEATURES } from './supported-features.ts';
import type { Workspace } from './workspace.ts';

interface Judgement {
  readonly verdict: GatewayVerdict;
  readonly facts: GatewayFacts;
  readonly references: readonly string[];
  /** By listener, when the first of its certificates ends; those that have one. */
  readonly expiries: ReadonlyMap<string, number>;
  /** When time alone may change the verdict next: a certificate begins to hold, or ends; null: never. */
  readonly turnsMs: number | null;
}

/** Where all Gateways are to be looked at, so many a second. */
const GATEWAYS_A_SECOND = 500;

/** Facts kept parsed: every route asks for those of its Gateways. */
const FACTS_KEPT = 100;

/** Gateways and their classes: what becomes of them, and what routes have to know of it. */
export class ListenerWork {
  private readonly space: Workspace;
  /** By text, so that what changed is another key. */
  private readonly parsed = new Map<string, GatewayFacts>();

  constructor(space: Workspace) {
    this.space = space;
  }

  /** Looks at a Gateway, `namespace/name`. */
  look(text: string): ReconcileResult {
    const [namespace, name] = text.split('/');
    const work = `gateway-listeners:${text}`;
    const before = this.space.records.get(work, NO_GATEWAY);
    const gateway = this.space.findStandard('gateways', namespace, name);
    const judged = gateway === undefined ? null : this.judge(gateway);
    const facts = judged === null ? '' : JSON.stringify(judged.facts);
    const references = judged?.references ?? (gateway === undefined ? [] : [`class:${classOf(gateway)}`]);
    this.space.references.replace(work, before.references, references);
    this.space.records.put(work, gateway === undefined ? null : { references, facts });
    if (facts !== before.facts) this.space.touch(`gateway:${text}`);
    this.keepExpiries(text, judged?.expiries ?? new Map());
    if (gateway !== undefined && judged !== null) this.writeStatus(gateway, this.heldBack(judged.verdict));
    const next = judged?.turnsMs ?? null;
    return next === null ? DONE : { requeueAfterMs: next + 1 - this.space.parts.clock.now() };
  }

  /** Asks for looks at all Gateways. */
  lookAtAll(): ReconcileResult {
    const rows = this.space.parts.database.exec(
      "SELECT work FROM gateway_records WHERE work > 'gateway-listeners:' AND work < 'gateway-listeners;'",
    );
    rows.forEach((row, index) => {
      this.space.ask(String(row.work), (index * 1_000) / GATEWAYS_A_SECOND);
    });
    return DONE;
  }

  /**
   * What routes have to know of a Gateway, as it was at the last look at it: another look that finds something else has
   * its routes looked at again. Null where there is none, or none of ours.
   */
  facts(namespace: string, name: string): GatewayFacts | null {
    const { facts } = this.space.records.get(`gateway-listeners:${namespace}/${name}`, NO_GATEWAY);
    if (facts === '') {
      const gateway = this.space.findStandard('gateways', namespace, name);
      return gateway === undefined ? null : (this.judge(gateway)?.facts ?? null);
    }
    const known = this.parsed.get(facts);
    if (known !== undefined) return known;
    const parsed: GatewayFacts = JSON.parse(facts);
    if (this.parsed.size >= FACTS_KEPT) this.parsed.clear();
    this.parsed.set(facts, parsed);
    return parsed;
  }

  /** When listeners' certificates end, of every Gateway. */
  certificates(): ListenerExpiry[] {
    return this.space.parts.database
      .exec('SELECT * FROM gateway_certificates ORDER BY gateway, listener')
      .map((row) => {
        const [namespace, name] = String(row.gateway).split('/');
        return { namespace, gateway: name, listener: String(row.listener), notAfterMs: Number(row.not_after) };
      });
  }

  /** Whether a Gateway is there that another controller has; routes are then none of our business. */
  isAnothers(namespace: string, name: string): boolean {
    const gateway = this.space.findStandard('gateways', namespace, name);
    if (gateway === undefined) return false;
    const controller = this.controllerOf(classOf(gateway));
    return controller !== null && controller !== GATEWAY_CONTROLLER;
  }

  /** Looks at a GatewayClass. */
  lookAtClass(name: string): ReconcileResult {
    this.space.touch(`class:${name}`);
    const found = this.space.findStandard('gatewayclasses', '', name);
    const spec = objectIn(found?.spec);
    if (found === undefined || spec.controllerName !== GATEWAY_CONTROLLER) return DONE;
    const key: ResourceKey = { group: GATEWAY_GROUP, resource: 'gatewayclasses', namespace: '', name };
    this.space.store.edit(key, (object) => {
      const observedGeneration = object.metadata.generation;
      const status = objectIn(object.status);
      const verdict = isJsonObject(spec.parametersRef)
        ? conditionFalse('Accepted', 'InvalidParameters', 'spec.parametersRef: no kind of ours holds parameters')
        : conditionTrue('Accepted', 'Accepted', 'its Gateways are served');
      const now = this.space.parts.clock.now();
      const conditions = withCondition(status.conditions, { ...verdict, observedGeneration }, now);
      const supportedFeatures = SUPPORTED_FEATURES.map((name): JsonObject => ({ name }));
      object.status = { ...status, conditions, supportedFeatures };
    });
    return DONE;
  }

  private judge(gateway: Resource): Judgement | null {
    const className = classOf(gateway);
    if (this.controllerOf(className) !== GATEWAY_CONTROLLER) return null;
    const namespace = gateway.metadata.namespace ?? '';
    const references = new Set([`class:${className}`]);
    const expiries = new Map<string, number>();
    let turnsMs: number | null = null;
    const spec = objectIn(gateway.spec);
    const verdict = judgeGateway(spec, {
      isReserved: (hostname) => this.space.isReserved(hostname),
      certificateFault: (reference, { name, hostname }) =>
        this.certificateFault(reference, hostname, namespace, references, (certificate) => {
          const { notAfterMs } = certificate;
          expiries.set(name, Math.min(notAfterMs, expiries.get(name) ?? notAfterMs));
          if (certificate.turnsMs !== null) turnsMs = Math.min(certificate.turnsMs, turnsMs ?? certificate.turnsMs);
        }),
    });
    const serving = new Set(verdict.listeners.filter((listener) => listener.serves).map((listener) => listener.name));
    const facts: GatewayFacts = {
      namespace,
      name: gateway.metadata.name,
      listeners: listenerFacts(spec, (listener) => serving.has(listener)),
    };
    return { verdict, facts, references: [...references], expiries, turnsMs };
  }

  private certificateFault(
    reference: JsonObject,
    hostname: string,
    namespace: string,
    references: Set<string>,
    found: (certificate: ListenerCertificate) => void,
  ): CertificateFault | null {
    const target = typeof reference.namespace === 'string' ? reference.namespace : namespace;
    const name = String(reference.name);
    if ((reference.group ?? '') !== '' || (reference.kind ?? 'Secret') !== 'Secret') {
      return {
        reason: 'InvalidCertificateRef',
        message: `${String(reference.kind)} holds no certificates here: a Secret does`,
      };
    }
    references.add(`secret:${target}/${name}`);
    if (target !== namespace) {
      references.add(`grants:${target}`);
      const from = { group: GATEWAY_GROUP, kind: 'Gateway', namespace };
      if (!this.space.isAllowed({ from, to: { group: '', kind: 'Secret', name } }, target)) {
        return { reason: 'RefNotPermitted', message: `no ReferenceGrant of namespace ${target} allows Secret ${name}` };
      }
    }
    const secret = this.space.store.find({ group: '', resource: 'secrets', namespace: target, name });
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) {
      return { reason: 'InvalidCertificateRef', message: `there is no Secret ${target}/${name}` };
    }
    const host = hostname === '' ? null : hostname;
    const { certificate, fault } = checkListenerCertificate(secret, host, this.space.parts.clock.now());
    if (certificate !== null) found(certificate);
    return fault;
  }

  private keepExpiries(gateway: string, expiries: ReadonlyMap<string, number>): void {
    const { database } = this.space.parts;
    const present = database.exec('SELECT listener, not_after FROM gateway_certificates WHERE gateway = ?', gateway);
    for (const row of present) {
      if (!expiries.has(String(row.listener))) {
        database.exec(
          'DELETE FROM gateway_certificates WHERE gateway = ? AND listener = ?',
          gateway,
          String(row.listener),
        );
      }
    }
    for (const [listener, notAfter] of expiries) {
      if (present.some((row) => row.listener === listener && row.not_after === notAfter)) continue;
      database.exec(
        'INSERT OR REPLACE INTO gateway_certificates (gateway, listener, not_after) VALUES (?, ?, ?)',
        gateway,
        listener,
        notAfter,
      );
    }
  }

  /** While a version is held to, and until isolates were told that it is not, what a Gateway declares is not served. */
  private heldBack(verdict: GatewayVerdict): GatewayVerdict {
    const { publisher } = this.space;
    const pinned = publisher.pinned();
    if (pinned === null && publisher.heldInForce() === null) return verdict;
    const notServed = pinned === null ? letGo() : rolledBack(pinned);
    const said = ({ conditions }: { readonly conditions: readonly Verdict[] }) =>
      conditions.map((condition) =>
        condition.type === 'Programmed' && condition.status === 'True' ? notServed : condition,
      );
    const listeners = verdict.listeners.map((listener) => ({ ...listener, conditions: said(listener) }));
    return { listeners, conditions: said(verdict) };
  }

  private writeStatus(gateway: Resource, verdict: GatewayVerdict): void {
    const { name, namespace = '' } = gateway.metadata;
    const key: ResourceKey = { group: GATEWAY_GROUP, resource: 'gateways', namespace, name };
    const now = this.space.parts.clock.now();
    this.space.store.edit(key, (object) => {
      const observedGeneration = object.metadata.generation;
      const status = objectIn(object.status);
      let { conditions } = status;
      for (const condition of verdict.conditions)
        conditions = withCondition(conditions, { ...condition, observedGeneration }, now);
      const present = objectsIn(status.listeners);
      const listeners = verdict.listeners.map((listener): JsonObject => {
        let own = present.find((item) => item.name === listener.name)?.conditions;
        for (const condition of listener.conditions)
          own = withCondition(own, { ...condition, observedGeneration }, now);
        return {
          name: listener.name,
          supportedKinds: [...listener.supportedKinds],
          attachedRoutes: this.attachedRoutes(`${namespace}/${name}`, listener.name),
          conditions: own ?? [],
        };
      });
      object.status = { ...status, conditions: conditions ?? [], listeners };
    });
  }

  private attachedRoutes(gateway: string, listener: string): number {
    const row = this.space.parts.database.exec(
      'SELECT routes FROM gateway_attached WHERE gateway = ? AND listener = ?',
      gateway,
      listener,
    )[0];
    return Number(row?.routes ?? 0);
  }

  private controllerOf(className: string): string | null {
    const found = this.space.findStandard('gatewayclasses', '', className);
    if (found === undefined) return null;
    const { controllerName, parametersRef } = objectIn(found.spec);
    // A class with parameters is not accepted, and neither are its Gateways.
    if (controllerName === GATEWAY_CONTROLLER && isJsonObject(parametersRef)) return null;
    return String(controllerName);
  }
}

function classOf(gateway: Resource): string {
  return String(objectIn(gateway.spec).gatewayClassName);
}
