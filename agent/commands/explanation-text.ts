import type { Explanation, ExplanationAnswer } from '../../src/core/protocol/explanation.ts';
import { shown } from '../cli/text-table.ts';

/**
 * An explanation for people: the outcome first, then what led to it in the order of the stages. `isGivenIp`: the
 * caller has named the client's address. `allRules`: of those that were not the one none is left out.
 */
export function explanationText(
  explanation: ExplanationAnswer,
  { isGivenIp, allRules }: { readonly isGivenIp: boolean; readonly allRules: boolean },
): string {
  const { request, outcome, pinned, notInForce, routesOmitted, match, hosts } = explanation;
  const { rules, omitted, filters, policies, checks, limits, backends } = explanation;
  const lines: string[] = [];
  const part = (title: string, texts: readonly string[]) => {
    for (const [i, text] of texts.entries()) lines.push(`${(i === 0 ? title : '').padEnd(11)}${shown(text)}`);
  };
  const address = `${request.scheme}://${request.host}${request.path}${request.query}`;
  part('request', [`${request.method} ${address}`]);
  part('outcome', [outcomeText(outcome)]);
  part('client', [`${request.clientIp}${isGivenIp ? '' : ', where you ask from; --ip names another address'}`]);
  if (pinned !== null) {
    const since = pinned.since === null ? '' : ` since ${pinned.since}`;
    part('pinned', [`version ${pinned.version} is held to${since}; later changes are not served`]);
  }
  part('declared', [
    ...notInForce.map(({ route, reason, message }) => `not in force: ${route}: ${reason}, ${message}`),
    ...(routesOmitted ? ['there may be more that are not in force'] : []),
  ]);
  if (match !== null) {
    const variables = Object.entries(match.pathVariables).map(([name, value]) => `${name}=${value}`);
    part('route', [
      `${match.route}, rule ${match.rule}, on ${match.host}`,
      `attached to ${match.gateway}`,
      ...match.because.map((condition) => `because ${condition}`),
      ...(variables.length === 0 ? [] : [`path variables: ${variables.join(', ')}`]),
    ]);
  }
  const others = rules.filter((rule) => rule.outcome !== 'matched');
  const listed = allRules ? others : others.slice(0, RULES_SHOWN);
  const more = others.length - listed.length + omitted;
  part('not', [
    ...listed.map(
      (rule) =>
        `${rule.route}, rule ${rule.rule} (${rule.path}): ${rule.why ?? 'it would match as well, and comes after'}`,
    ),
    ...(more === 0 ? [] : [`and ${more} more${allRules ? '' : '; --rules lists them'}`]),
  ]);
  part(
    'hosts',
    hosts.filter((host) => match === null || host.rules !== 'none').map((host) => `${host.host}: ${host.rules}`),
  );
  part(
    'policies',
    policies.map(({ kind, name, target }) => `${kind} ${name}, of the ${target}`),
  );
  part(
    'checks',
    checks.map(({ stage, verdict, status, detail }) => {
      const said = status === null ? verdict : `${verdict} (${status})`;
      return detail === '' ? `${stage}: ${said}` : `${stage}: ${said}, ${detail}`;
    }),
  );
  part('limits', limits.map(limitText));
  part('filters', filters);
  part(
    'backends',
    backends.flatMap((backend) => backendText(backend, outcome.detail)),
  );
  return `${lines.join('\n')}\n`;
}

/** Rules that were not the one, without --rules. */
const RULES_SHOWN = 5;

function outcomeText(outcome: Explanation['outcome']): string {
  if (outcome.type === 'proxied') return `to ${outcome.detail}`;
  if (outcome.type === 'elsewhere') return outcome.detail;
  return `${outcome.status} by the gateway (${outcome.stage}): ${outcome.detail}`;
}

function limitText({
  policy,
  limit,
  mode,
  dryRun,
  key,
  allowed,
  remaining,
  retryAfterSeconds,
}: Explanation['limits'][number]) {
  const said =
    allowed === null
      ? 'known only by counting'
      : allowed
        ? `lets it through, ${remaining} left`
        : `refuses it, again in ${retryAfterSeconds} s`;
  return `${policy}/${limit} (${mode}${dryRun ? ', dry run' : ''}), key ${key === '' ? 'of all' : key}: ${said}`;
}

/** `told` is what the outcome has said already: a reason is said once. */
function backendText({ name, share, fault, upstream }: Explanation['backends'][number], told: string): string[] {
  const percent = `${Math.round(share * 1_000) / 10} %`;
  if (upstream === null) return [`${name}, ${percent}: ${fault}`];
  const { strategy, breaker, chosen, reason, panic, stale, endpoints } = upstream;
  const marks = [panic ? 'panic: health is not looked at' : '', stale ? 'endpoints are stale' : ''].filter(Boolean);
  const nobody = reason === null || told.includes(reason) ? 'nobody is called' : `nobody is called: ${reason}`;
  const now = chosen === null ? nobody : `now ${chosen}`;
  return [
    `${name}, ${percent}: ${[strategy, `breaker ${breaker}`, ...marks].join(', ')}; ${now}`,
    ...endpoints.map(({ address, available, reason: why, weight, inFlight, breaker: own }) => {
      const state = available ? `${inFlight} in flight` : why;
      const isTold = own === 'Closed' || why?.includes('breaker');
      return `  ${address} (weight ${weight}${isTold ? '' : `, breaker ${own}`}): ${state}`;
    }),
  ];
}
