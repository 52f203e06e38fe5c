/**
 * Conformance features of the Gateway API v1.5 that are built, as GatewayClass.status.supportedFeatures has them: in
 * alphabetical order. Each has cases in test/gateway/conformance. Not among them: what depends on the port that a request
 * came by, which the platform does not tell (HTTPRouteParentRefPort, HTTPRouteDestinationPortMatching), another Host for
 * upstreams that are fetched by address (HTTPRouteHostRewrite), and HTTP/2 without TLS (HTTPRouteBackendProtocolH2C).
 */
export const SUPPORTED_FEATURES: readonly string[] = [
  'Gateway',
  'HTTPRoute',
  'HTTPRoute303RedirectStatusCode',
  'HTTPRoute307RedirectStatusCode',
  'HTTPRoute308RedirectStatusCode',
  'HTTPRouteBackendProtocolWebSocket',
  'HTTPRouteBackendRequestHeaderModification',
  'HTTPRouteBackendTimeout',
  'HTTPRouteCORS',
  'HTTPRouteMethodMatching',
  'HTTPRouteNamedRouteRule',
  'HTTPRoutePathRedirect',
  'HTTPRoutePathRewrite',
  'HTTPRoutePortRedirect',
  'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestMirror',
  'HTTPRouteRequestMultipleMirrors',
  'HTTPRouteRequestPercentageMirror',
  'HTTPRouteRequestTimeout',
  'HTTPRouteResponseHeaderModification',
  'HTTPRouteSchemeRedirect',
  'ReferenceGrant',
];
