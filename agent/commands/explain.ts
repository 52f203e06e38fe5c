import type { ExplainRequest, ExplanationAnswer } from '../../src/core/protocol/explanation.ts';
import { type Call, type Command, UsageError } from '../cli/command.ts';
import { pathOf } from '../client/client.ts';
import { explanationText } from './explanation-text.ts';

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
      ip: { value: 'ADDRESS', summary: 'as if it came from there, and not from where you are' },
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
  const explanation = await client.json<ExplanationAnswer>({ method: 'POST', path, json });
  if (output.isJson || options.text('output') === 'json') await output.json(explanation);
  else {
    const isGivenIp = clientIp !== undefined;
    await output.write(explanationText(explanation, { isGivenIp, allRules: options.flag('rules') }));
  }
  const { outcome } = explanation;
  return outcome.type === 'elsewhere' || (outcome.type === 'answered' && outcome.status >= 400) ? 1 : 0;
}

function pairOf(text: string, separator: string, option: string): [name: string, value: string] {
  const at = text.indexOf(separator);
  const name = text.slice(0, Math.max(0, at)).trim();
  if (name === '') throw new UsageError(`${option}: expected NAME${separator}VALUE, got "${text}"`);
  return [name, text.slice(at + 1).trim()];
}
