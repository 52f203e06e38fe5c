import type { CompiledAuth } from '../core/protocol/auth-policy.ts';
import type { Log } from '../observe/log.ts';
import { planRules, type Rules } from '../traffic/rules/rules.ts';
import { refuseCaller } from './challenges.ts';
import type { Check } from './exchange.ts';
import { refuse } from './refusal.ts';

/** Says whether who is calling may do what is asked, by the rules of the policy in force. */
export function createAuthorisation(log: Log): Check {
  const planned = new WeakMap<CompiledAuth, Rules>();
  return (exchange) => {
    const policy = exchange.policies.auth;
    if (policy === null || policy.spec.authorization === null) return null;
    const auth = policy.spec;
    let rules = planned.get(auth);
    if (rules === undefined) {
      rules = planRules(policy.spec.authorization);
      planned.set(auth, rules);
    }
    const { target, identity, headers, clientIp, place } = exchange;
    const country = place.country ?? null;
    const verdict = rules.decide({ ...target, headers: headers.entries(), clientIp, country, identity });
    if (verdict.allowed) return null;
    const { rule, failure } = verdict;
    if (failure !== null) log.info('a rule failed', { policy: policy.name, failure, requestId: exchange.requestId });
    const detail = rule === null ? 'no rule of the policy allows it' : `rule "${rule}" of the policy refuses it`;
    // Whoever has not said who he is may have more to say.
    if (identity.method === 'anonymous' && auth.anonymous) return refuseCaller(exchange, auth, detail, null);
    return refuse(exchange, 'authorisation', 'access_denied', detail);
  };
}
