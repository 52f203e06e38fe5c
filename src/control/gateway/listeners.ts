import { conditionFalse, conditionTrue, type Verdict } from '../conditions.ts';
import { isJsonObject, type JsonObject, numberIn, objectIn, objectsIn } from '../json.ts';
import { schemeOf, supportedKinds } from './attach.ts';

/** What came of a listener, as its status says it. */
export interface ListenerVerdict {
  readonly name: string;
  readonly supportedKinds: readonly JsonObject[];
  readonly conditions: readonly Verdict[];
  /** Whether rules answer requests that come here. */
  readonly serves: boolean;
}

/** What came of a Gateway, as its status says it. */
export interface GatewayVerdict {
  readonly listeners: readonly ListenerVerdict[];
  readonly conditions: readonly Verdict[];
}

/** Why a listener's certificate cannot be used; `RefNotPermitted` and `InvalidCertificateRef` are the standard's. */
export interface CertificateFault {
  readonly reason: string;
  readonly message: string;
}

/** What listeners are judged by, beside what they say themselves. */
export interface ListenerChecks {
  /** What is wrong with the certificate that a listener refers to; null where nothing is. Its hostname may be empty. */
  certificateFault(
    reference: JsonObject,
    listener: { readonly name: string; readonly hostname: string },
  ): CertificateFault | null;
  /** Whether a hostname is the management surface's. */
  isReserved(hostname: string): boolean;
}

/** What becomes of a Gateway of ours: each of its listeners by itself, then the whole. */
export function judgeGateway(spec: JsonObject, checks: ListenerChecks): GatewayVerdict {
  const listeners = objectsIn(spec.listeners);
  const verdicts = listeners.map((listener) => judgeListener(listener, listeners, checks));
  const refusal = gatewayRefusal(spec);
  if (refusal !== null) {
    const conditions: Verdict[] = [
      conditionFalse('Accepted', refusal.reason, refusal.message),
      conditionFalse('Programmed', 'Invalid', 'the Gateway is not accepted'),
      resolvedRefs(verdicts),
    ];
    return { listeners: verdicts.map((verdict) => unserved(verdict)), conditions };
  }
  const invalid = verdicts.filter((verdict) => !isTrue(verdict, 'Accepted'));
  const serving = verdicts.filter((verdict) => verdict.serves);
  const names = invalid.map((verdict) => verdict.name).join(', ');
  const accepted: Verdict =
    invalid.length === 0
      ? conditionTrue('Accepted', 'Accepted', 'the Gateway is in force')
      : {
          type: 'Accepted',
          status: invalid.length < verdicts.length ? 'True' : 'False',
          reason: 'ListenersNotValid',
          message: `listeners that are not accepted: ${names}`,
        };
  const programmed =
    serving.length > 0
      ? conditionTrue('Programmed', 'Programmed', 'routes that attach are published')
      : conditionFalse('Programmed', 'Invalid', 'no listener can be served');
  return { listeners: verdicts, conditions: [accepted, programmed, resolvedRefs(verdicts)] };
}

/** Fields of the standard that are not built: refused, since nobody would see that nothing comes of them. */
function gatewayRefusal(spec: JsonObject): { reason: string; message: string } | null {
  if (objectsIn(spec.addresses).length > 0) {
    return {
      reason: 'UnsupportedAddress',
      message: "spec.addresses: addresses are the platform's and not to be chosen",
    };
  }
  if (isJsonObject(objectIn(spec.infrastructure).parametersRef)) {
    return {
      reason: 'InvalidParameters',
      message: 'spec.infrastructure.parametersRef: no kind of ours holds parameters',
    };
  }
  const from = objectIn(objectIn(spec.allowedListeners).namespaces).from;
  if (from !== undefined && from !== 'None') {
    return { reason: 'UnsupportedValue', message: 'spec.allowedListeners: ListenerSets are not built' };
  }
  if (spec.defaultScope === 'All') {
    return { reason: 'UnsupportedValue', message: 'spec.defaultScope: routes attach to Gateways that they name' };
  }
  const { frontend, backend } = objectIn(spec.tls);
  if (frontend !== undefined) {
    return {
      reason: 'UnsupportedValue',
      message: 'spec.tls.frontend: client certificates are verified by the platform',
    };
  }
  if (backend !== undefined) {
    return { reason: 'UnsupportedValue', message: 'spec.tls.backend: client certificates for backends are not built' };
  }
  return null;
}

function judgeListener(listener: JsonObject, all: readonly JsonObject[], checks: ListenerChecks): ListenerVerdict {
  const { supported, unknown } = supportedKinds(listener);
  const hostname = typeof listener.hostname === 'string' ? listener.hostname : '';
  const refusal = listenerRefusal(listener, hostname, checks);
  const conflict = all.find(
    (other) =>
      other !== listener &&
      other.port === listener.port &&
      isOurs(other) &&
      isOurs(listener) &&
      other.protocol !== listener.protocol,
  );
  const unresolved = unresolvedOf(listener, hostname, unknown, checks);
  const serves = refusal === null && conflict === undefined && supported.length > 0 && !(unresolved?.breaks ?? false);
  const conditions: Verdict[] = [
    conflict === undefined
      ? conditionFalse('Conflicted', 'NoConflicts', 'no other listener has its port and another protocol')
      : conditionTrue(
          'Conflicted',
          'ProtocolConflict',
          `listener ${String(conflict.name)} has its port with protocol ${String(conflict.protocol)}`,
        ),
    refusal !== null
      ? conditionFalse('Accepted', refusal.reason, refusal.message)
      : conflict !== undefined
        ? conditionFalse('Accepted', 'ProtocolConflict', `port ${numberIn(listener.port, 0)} has two protocols`)
        : conditionTrue('Accepted', 'Accepted', 'the listener is in force'),
    unresolved === null
      ? conditionTrue('ResolvedRefs', 'ResolvedRefs', 'everything it refers to is there')
      : conditionFalse('ResolvedRefs', unresolved.reason, unresolved.message),
    serves
      ? conditionTrue('Programmed', 'Programmed', 'routes that attach are published')
      : conditionFalse(
          'Programmed',
          'Invalid',
          refusal?.message ?? unresolved?.message ?? 'the listener is not accepted',
        ),
  ];
  return { name: String(listener.name), supportedKinds: supported, conditions, serves };
}

function listenerRefusal(listener: JsonObject, hostname: string, checks: ListenerChecks): CertificateFault | null {
  if (!isOurs(listener)) {
    return { reason: 'UnsupportedProtocol', message: `${String(listener.protocol)} is not built: HTTP and HTTPS are` };
  }
  if (hostname !== '' && checks.isReserved(hostname)) {
    return { reason: 'UnsupportedValue', message: `hostname: ${hostname} is the management surface's` };
  }
  if (objectIn(listener.tls).mode === 'Passthrough') {
    return {
      reason: 'UnsupportedValue',
      message: 'tls.mode: TLS is terminated by Cloudflare, Passthrough is not built',
    };
  }
  return null;
}

function unresolvedOf(
  listener: JsonObject,
  hostname: string,
  unknown: readonly JsonObject[],
  checks: ListenerChecks,
): (CertificateFault & { readonly breaks: boolean }) | null {
  if (isOurs(listener) && unknown.length > 0) {
    const kinds = unknown.map((kind) => String(kind.kind)).join(', ');
    return { reason: 'InvalidRouteKinds', message: `allowedRoutes.kinds: ${kinds} is not built`, breaks: false };
  }
  if (listener.protocol !== 'HTTPS') return null;
  for (const reference of objectsIn(objectIn(listener.tls).certificateRefs)) {
    const fault = checks.certificateFault(reference, { name: String(listener.name), hostname });
    if (fault !== null) return { ...fault, breaks: true };
  }
  return null;
}

function resolvedRefs(verdicts: readonly ListenerVerdict[]): Verdict {
  const unresolved = verdicts.filter((verdict) => !isTrue(verdict, 'ResolvedRefs'));
  if (unresolved.length === 0) return conditionTrue('ResolvedRefs', 'ResolvedRefs', 'everything it refers to is there');
  const names = unresolved.map((verdict) => verdict.name).join(', ');
  return conditionFalse(
    'ResolvedRefs',
    'ListenersNotResolved',
    `listeners with references that do not resolve: ${names}`,
  );
}

function unserved(verdict: ListenerVerdict): ListenerVerdict {
  const conditions = verdict.conditions.map((condition) =>
    condition.type === 'Programmed'
      ? conditionFalse('Programmed', 'Invalid', 'the Gateway is not accepted')
      : condition,
  );
  return { ...verdict, conditions, serves: false };
}

function isTrue(verdict: ListenerVerdict, type: string): boolean {
  return verdict.conditions.some((condition) => condition.type === type && condition.status === 'True');
}

function isOurs(listener: JsonObject): boolean {
  return schemeOf(listener.protocol) !== null;
}
