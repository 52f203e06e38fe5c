import { expect, test } from 'vitest';
import { explanationText } from '../../agent/commands/explanation-text.ts';
import type { ExplanationAnswer } from '../../src/core/protocol/explanation.ts';

const NOWHERE: ExplanationAnswer = {
  request: {
    method: 'GET',
    scheme: 'http',
    host: 'shop.localhost',
    path: '/',
    query: '',
    clientIp: '192.0.2.7',
  },
  version: 9,
  outcome: { type: 'answered', status: 404, stage: 'match', code: 'no_route', detail: 'no route for GET /' },
  hosts: [{ host: 'http://shop.localhost', rules: 'none' }],
  match: null,
  rules: [],
  omitted: 0,
  filters: [],
  policies: [],
  checks: [],
  limits: [],
  backends: [],
  forwarded: null,
  pinned: null,
  notInForce: [],
  routesOmitted: false,
};
const text = (given: Partial<ExplanationAnswer>, isGivenIp = true) =>
  explanationText({ ...NOWHERE, ...given }, { isGivenIp, allRules: false });

test('an explanation says whose address the client has, what is declared and not in force, and what is held to', () => {
  const lines = text(
    {
      pinned: { version: 7, since: '2026-11-21T18:30:00.000Z' },
      notInForce: [
        { route: 'default/shop', reason: 'NoMatchingParent', message: 'there is no Gateway default/edge' },
        { route: 'default/rest', reason: 'Pending', message: 'nothing is said of it yet' },
      ],
      routesOmitted: true,
    },
    false,
  );
  expect(lines).toBe(`request    GET http://shop.localhost/
outcome    404 by the gateway (match): no route for GET /
client     192.0.2.7, where you ask from; --ip names another address
pinned     version 7 is held to since 2026-11-21T18:30:00.000Z; later changes are not served
declared   not in force: default/shop: NoMatchingParent, there is no Gateway default/edge
           not in force: default/rest: Pending, nothing is said of it yet
           there may be more that are not in force
hosts      http://shop.localhost: none
`);
  expect(text({})).toContain('client     192.0.2.7\nhosts');
});

test('why nobody is called is said once', () => {
  const reason = 'the circuit breaker is open: 5 failures';
  const endpoint = { address: 'http://a', zone: null, weight: 1, inFlight: 0, available: true, reason: null };
  const backend = (name: string) => ({
    name,
    share: 0.5,
    fault: reason,
    upstream: {
      strategy: 'RoundRobin',
      breaker: 'Open',
      chosen: null,
      reason,
      panic: false,
      stale: false,
      endpoints: [
        { ...endpoint, breaker: 'Closed' },
        { ...endpoint, breaker: 'Open', available: false, reason: 'its breaker is Open: status 500' },
      ],
    },
  });
  const lines = text({
    outcome: { type: 'answered', status: 503, stage: 'upstream', code: 'upstream_unavailable', detail: reason },
    backends: [backend('default/a')],
  });
  expect(lines.split(reason)).toHaveLength(2);
  expect(lines).toContain(`backends   default/a, 50 %: RoundRobin, breaker Open; nobody is called
             http://a (weight 1): 0 in flight
             http://a (weight 1): its breaker is Open: status 500
`);
  expect(text({ backends: [backend('default/a')] })).toContain(`nobody is called: ${reason}`);
});
