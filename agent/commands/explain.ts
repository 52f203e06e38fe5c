import type { ExplainRequest, Explanation } from '../../src/core/protocol/explanation.ts';
import { type Call, type Command, UsageError } from '../cli/command.ts';
import { shown } from '../cli/text-table.ts';
import { pathOf } from '../client/client.ts';

/** `orasi explain` */
export const explainCommands: readonly Command[] = [
  {
    words: ['explain'],
    summary: 'say what the gateway would do with a request, and why',
    arguments: [
      { name: 'METHOD', summary: 'such as GET' },
      { name: 'URL', summary: 'with scheme and host' },
    ],
    options: {
      header: { value: 'NAME: VALUE', short: 'H', multiple: true, summary: 'a header of the request' },
      ip: { value: 'ADDRESS', summary: 'as if it came from there' },
      cf: {
        value: 'NAME=VALUE',
        multiple: true,
        summary: 'what the platform would tell: country=DE, continent=EU, colo=FRA',
      },
      output: { value: 'FORM', short: 'o', summary: 'how it is printed', choices: ['text', 'json'] },
      rules: { summary: 'list every rule that was looked at, and why it was not the one' },
    },
    details: [
      'Nothing is sent to an upstream and nothing is counted. What limits, breakers and health say is as they stand now, as the isolate that answers knows them.',
      'Exits with 1 where the gateway would answer an error itself.',
    ],
    examples: [
      'orasi explain GET http://shop.example.com/items?page=2',
      "orasi explain POST https://api.example.com/v2/orders -H 'X-Plan: gold' --cf country=DE --ip 192.0.2.7",
    ],
    run: explain,
  },
];

async function explain(call: Call): Promise<number> {
  const { args, options, output } = call;
  const [method, url] = args;
  const cf = Object.fromEntries(options.texts('cf').map((text) => pairOf(text, '=', '--cf')));
  const headers: Record<string, string> = {};
  for (const text of options.texts('header')) {
    const [name, value] = pairOf(text, ':', '-H');
    // As on the wire: of a header given twice both values count.
    const present = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = present === undefined ? value : `${present}, ${value}`;
  }
  const clientIp = options.text('ip');
  const json: Omit<ExplainRequest, 'namespace' | 'clientIp'> & { readonly clientIp?: string } = {
    method,
    url,
    headers,
    cf,
    ...(clientIp === undefined ? {} : { clientIp }),
  };
  const { client, namespace } = await call.connect();
  const path = pathOf('v1', 'namespaces', namespace, 'gateway', 'explain');
  const explanation = await client.json<Explanation>({ method: 'POST', path, json });
  if (output.isJson || options.text('output') === 'json') await output.json(explanation);
  else await output.write(explanationText(explanation, options.flag('rules')));
  const { outcome } = explanation;
  return outcome.type === 'elsewhere' || (outcome.type === 'answered' && outcome.status >= 400) ? 1 : 0;
}

function pairOf(text: string, separator: string, option: string): [name: string, value: string] {
  const at = text.indexOf(separator);
  const name = text.slice(0, Math.max(0, at)).trim();
  if (name === '') throw new UsageError(`${option}: expected NAME${separator}VALUE, got "${text}"`);
  return [name, text.slice(at + 1).trim()];
}

/** An explanation for people: the outcome first, then what led to it in the order of the stages. */
function explanationText(explanation: Explanation, allRules: boolean): string {
  const { request, outcome, match, hosts, rules, omitted, filters, policies, checks, limits, backends } = explanation;
  const lines: string[] = [];
  const part = (title: string, texts: readonly string[]) => {
    for (const [i, text] of texts.entries()) lines.push(`${(i === 0 ? title : '').padEnd(11)}${shown(text)}`);
  };
  const address = `${request.scheme}://${request.host}${request.path}${request.query}`;
  part('request', [`${request.method} ${address}`]);
  part('outcome', [outcomeText(outcome)]);
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
  part('backends', backends.flatMap(backendText));
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

function backendText({ name, share, fault, upstream }: Explanation['backends'][number]): string[] {
  const percent = `${Math.round(share * 1_000) / 10} %`;
  if (upstream === null) return [`${name}, ${percent}: ${fault}`];
  const { strategy, breaker, chosen, reason, panic, stale, endpoints } = upstream;
  const marks = [panic ? 'panic: health is not looked at' : '', stale ? 'endpoints are stale' : ''].filter(Boolean);
  const now = chosen === null ? `nobody: ${reason}` : `now ${chosen}`;
  return [
    `${name}, ${percent}: ${[strategy, `breaker ${breaker}`, ...marks].join(', ')}; ${now}`,
    ...endpoints.map(({ address, available, reason: why, weight, inFlight, breaker: own }) => {
      const state = available ? `${inFlight} in flight` : why;
      return `  ${address} (weight ${weight}${own === 'Closed' ? '' : `, breaker ${own}`}): ${state}`;
    }),
  ];
}
