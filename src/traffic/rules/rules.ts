import type { CompiledAuthorization, Identity } from '../../core/protocol/auth-policy.ts';
import { type Expression, ExpressionFault, planExpression, type Variables } from './expression.ts';

/** What rules can see of a request; the members that cost something are functions, called where a rule reads them. */
export interface RuleFacts {
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  /** In the canonical form that was matched and is forwarded. */
  readonly path: string;
  readonly search: string;
  readonly headers: Iterable<[name: string, value: string]>;
  readonly clientIp: string | null;
  readonly country: string | null;
  readonly identity: Identity;
}

/** Whether a caller may, and by which rule not. */
export type Verdict =
  | { readonly allowed: true; readonly rule: string | null }
  | {
      readonly allowed: false;
      /** Null: no rule allowed it. */
      readonly rule: string | null;
      /** What went wrong in evaluating a rule; for logs, not for the caller. */
      readonly failure: string | null;
    };

/** Planned rules of a policy. */
export interface Rules {
  decide(facts: RuleFacts): Verdict;
}

/** Why rules cannot be planned: which, where, what. */
export interface RuleFault {
  readonly index: number;
  /** 0 for the first character. */
  readonly offset: number;
  readonly message: string;
}

/** What is wrong with the rules of a policy, by their positions; empty where nothing is. */
export function ruleFaults(authorization: CompiledAuthorization): RuleFault[] {
  return authorization.rules.flatMap(({ expression }, index) => {
    try {
      planExpression(expression);
      return [];
    } catch (error) {
      const offset = error instanceof ExpressionFault ? error.offset : 0;
      return [{ index, offset, message: error instanceof Error ? error.message : String(error) }];
    }
  });
}

/** Plans the rules of a policy. Throws an `ExpressionFault`; `ruleFaults` has been asked before. */
export function planRules({ rules, otherwise }: CompiledAuthorization): Rules {
  const planned = rules.map((rule) => ({ ...rule, plan: planExpression(rule.expression) }));
  const denials = planned.filter((rule) => rule.action === 'Deny');
  const allowances = planned.filter((rule) => rule.action === 'Allow');
  const reads = readsOf(planned.map((rule) => rule.plan));
  return {
    decide(facts) {
      const variables = variablesOf(facts, reads);
      for (const rule of denials) {
        const result = evaluate(rule.plan, variables);
        if (result !== false)
          return { allowed: false, rule: rule.name, failure: result === true ? null : `${rule.name}: ${result.error}` };
      }
      let failure: string | null = null;
      for (const rule of allowances) {
        const result = evaluate(rule.plan, variables);
        if (result === true) return { allowed: true, rule: rule.name };
        if (result !== false) failure ??= `${rule.name}: ${result.error}`;
      }
      // A rule that failed allows nothing; that another kind of caller has no such claim must not matter to the rest.
      return otherwise === 'Allow' ? { allowed: true, rule: null } : { allowed: false, rule: null, failure };
    },
  };
}

function evaluate(plan: Expression, variables: Variables): boolean | { readonly error: string } {
  try {
    return plan.holds(variables);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Null: anything. */
function readsOf(plans: readonly Expression[]): ReadonlySet<string> | null {
  const all = new Set<string>();
  for (const { reads } of plans) {
    if (reads === null) return null;
    for (const name of reads) all.add(name);
  }
  return all;
}

function variablesOf(facts: RuleFacts, reads: ReadonlySet<string> | null): Variables {
  const { identity } = facts;
  const request = new Map<string, unknown>([
    ['method', facts.method],
    ['scheme', facts.scheme],
    ['host', facts.host],
    ['path', facts.path],
  ]);
  if (reads === null || reads.has('headers')) request.set('headers', new Map(facts.headers));
  if (reads === null || reads.has('query')) request.set('query', queryOf(facts.search));
  return {
    request,
    client: new Map<string, unknown>([
      ['ip', facts.clientIp ?? ''],
      ['country', facts.country ?? ''],
    ]),
    identity: new Map<string, unknown>([
      ['method', identity.method],
      ['id', identity.id],
      ['user', identity.user ?? ''],
      ['tenant', identity.tenant ?? ''],
    ]),
    claims: mapOf(identity.claims),
  };
}

function queryOf(search: string): Map<string, string> {
  const query = new QueryParameters();
  for (const [name, value] of new URLSearchParams(search)) query.add(name, value);
  return query;
}

/**
 * Parameters of a query for rules. What comes twice is read by one server as its first value, by another as its last:
 * a rule that asks for it, if only whether it is there, fails.
 */
class QueryParameters extends Map<string, string> {
  readonly #repeated = new Set<string>();

  add(name: string, value: string): void {
    if (this.has(name)) this.#repeated.add(name);
    this.set(name, value);
  }

  override get(name: string): string | undefined {
    if (this.#repeated.has(name)) throw new Error(`the query has "${name}" more than once`);
    return super.get(name);
  }
}

/** JSON with maps for objects: a claim may have any name, `constructor` too, and CEL looks at that of plain objects. */
function mapOf(object: Readonly<Record<string, unknown>>): Map<string, unknown> {
  return new Map(Object.entries(object).map(([name, value]) => [name, celValue(value)]));
}

function celValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(celValue);
  return typeof value === 'object' && value !== null ? mapOf(value as Record<string, unknown>) : value;
}
