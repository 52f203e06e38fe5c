import type { KindDeclaration } from './declaration.ts';
import type { Kind } from './kind.ts';
import { authpolicyKind } from './kinds/authpolicy.ts';
import { clusterKind } from './kinds/cluster.ts';
import { gatewayKind } from './kinds/gateway.ts';
import { gatewayclassKind } from './kinds/gatewayclass.ts';
import { authpolicySchema } from './kinds/generated/authpolicy.ts';
import { clusterSchema } from './kinds/generated/cluster.ts';
import { gatewaySchema } from './kinds/generated/gateway.ts';
import { gatewayclassSchema } from './kinds/generated/gatewayclass.ts';
import { hostnamegrantSchema } from './kinds/generated/hostnamegrant.ts';
import { httprouteSchema } from './kinds/generated/httproute.ts';
import { namespaceSchema } from './kinds/generated/namespace.ts';
import { pipelineSchema } from './kinds/generated/pipeline.ts';
import { ratelimitpolicySchema } from './kinds/generated/ratelimitpolicy.ts';
import { referencegrantSchema } from './kinds/generated/referencegrant.ts';
import { routematchpolicySchema } from './kinds/generated/routematchpolicy.ts';
import { secretSchema } from './kinds/generated/secret.ts';
import { securitypolicySchema } from './kinds/generated/securitypolicy.ts';
import { taskqueueSchema } from './kinds/generated/taskqueue.ts';
import { taskscheduleSchema } from './kinds/generated/taskschedule.ts';
import { upstreamSchema } from './kinds/generated/upstream.ts';
import { hostnamegrantKind } from './kinds/hostnamegrant.ts';
import { httprouteKind } from './kinds/httproute.ts';
import { namespaceKind } from './kinds/namespace.ts';
import { pipelineKind } from './kinds/pipeline.ts';
import { ratelimitpolicyKind } from './kinds/ratelimitpolicy.ts';
import { referencegrantKind } from './kinds/referencegrant.ts';
import { routematchpolicyKind } from './kinds/routematchpolicy.ts';
import { secretKind } from './kinds/secret.ts';
import { securitypolicyKind } from './kinds/securitypolicy.ts';
import { taskqueueKind } from './kinds/taskqueue.ts';
import { taskscheduleKind } from './kinds/taskschedule.ts';
import { upstreamKind } from './kinds/upstream.ts';
import type { Reconciler } from './reconcile.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** A kind as it is served: its declaration met with its compiled schema. */
export interface ServedKind {
  readonly kind: Kind;
  readonly reconciler: Reconciler | undefined;
}

/** The built-in kinds. A new one is a file under `kinds/`, a run of `scripts/build-kinds.ts` and a line here. */
export const BUILT_IN_KINDS: readonly ServedKind[] = [
  serve(namespaceKind, namespaceSchema),
  serve(secretKind, secretSchema),
  serve(pipelineKind, pipelineSchema),
  serve(clusterKind, clusterSchema),
  serve(taskqueueKind, taskqueueSchema),
  serve(taskscheduleKind, taskscheduleSchema),
  serve(gatewayclassKind, gatewayclassSchema),
  serve(gatewayKind, gatewaySchema),
  serve(httprouteKind, httprouteSchema),
  serve(upstreamKind, upstreamSchema),
  serve(referencegrantKind, referencegrantSchema),
  serve(routematchpolicyKind, routematchpolicySchema),
  serve(hostnamegrantKind, hostnamegrantSchema),
  serve(ratelimitpolicyKind, ratelimitpolicySchema),
  serve(authpolicyKind, authpolicySchema),
  serve(securitypolicyKind, securitypolicySchema),
];

function serve(declaration: KindDeclaration, schema: StructuralSchema): ServedKind {
  const { info, strategy, reconciler } = declaration;
  return { kind: { ...info, schema, strategy }, reconciler };
}
