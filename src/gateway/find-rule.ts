import { RequestFacts } from '../traffic/match/facts.ts';
import { matchRequest } from '../traffic/match/match.ts';
import type { Exchange } from './exchange.ts';

/** Finds the rule of a request and notes it; where there is none, says why. */
export async function findRule(exchange: Exchange): Promise<'found' | 'none' | 'costly'> {
  const { entries } = exchange;
  const facts = new RequestFacts(exchange.target, exchange.given, exchange.place);
  for (;;) {
    const result = matchRequest(facts, entries);
    if (result.type === 'none' || result.type === 'costly') return result.type;
    if (result.type === 'match') {
      exchange.rule = result.rule;
      exchange.action = result.action;
      exchange.pathVariables = result.pathVariables;
      return 'found';
    }
    for (const key of result.keys) await entries.load(key);
  }
}
