import { describe, expect, it } from 'vitest';
import { explainMatch } from '../../src/traffic/match/explain.ts';
import type { MatchSource } from '../../src/traffic/match/match.ts';
import { exact, expression, prefix, request, sourceOf } from './rules.ts';

const headers = [{ type: 'Exact' as const, name: 'x-env', value: 'test' }];

/** Candidates as lines: host, route, outcome. */
function explained(source: MatchSource, facts: Parameters<typeof explainMatch>[0], limit = 100): string[] {
  const explanation = explainMatch(facts, source, limit);
  if (explanation.type === 'missing') return explanation.keys.map((key) => `missing ${key}`);
  if (explanation.type === 'costly') return ['costly'];
  const lines = explanation.candidates.map(({ hostKey, action, outcome }) => {
    const what =
      outcome.type === 'failed' ? `${outcome.subject}: ${outcome.expected}, found ${outcome.found}` : outcome.type;
    return `${hostKey} ${action.route.name}: ${what}`;
  });
  return explanation.omitted === 0 ? lines : [...lines, `${explanation.omitted} more`];
}

describe('an explanation', () => {
  const source = sourceOf({
    'http://a.example.com': [
      { route: 'exact', path: exact('/a/b') },
      { route: 'digits', path: expression('/[0-9]+') },
      { route: 'test', path: prefix('/a'), match: { headers } },
      { route: 'post', path: prefix('/a'), match: { method: 'POST' } },
      { route: 'all' },
      { route: 'german', match: { conditions: { countries: ['DE', 'AT'] } } },
    ],
    'http://*.example.com': [{ route: 'wild' }],
  });

  it('lists every rule in order of precedence with the first condition that failed', () => {
    expect(explained(source, request('GET http://a.example.com/a/c', { 'x-env': 'prod' }))).toEqual([
      'http://a.example.com exact: path: /a/b, found /a/c',
      'http://a.example.com digits: path: a match of /[0-9]+, found /a/c',
      'http://a.example.com post: method: POST, found GET',
      'http://a.example.com test: header x-env: test, found prod',
      'http://a.example.com all: matched',
      'http://a.example.com german: country: one of DE, AT, found null',
      'http://*.example.com wild: outranked',
    ]);
  });

  it('says which hosts were tried', () => {
    const explanation = explainMatch(request('GET http://b.example.com/'), source, 100);
    expect(explanation).toMatchObject({
      hosts: [
        { hostKey: 'http://b.example.com', hasRules: false },
        { hostKey: 'http://*.example.com', hasRules: true },
        { hostKey: 'http://*.com', hasRules: false },
        { hostKey: 'http://', hasRules: false },
      ],
      candidates: [{ outcome: { type: 'matched' } }],
    });
  });

  it('leaves out rules of other paths first, and says how many', () => {
    expect(explained(source, request('GET http://a.example.com/'), 3)).toEqual([
      'http://a.example.com all: matched',
      'http://a.example.com german: country: one of DE, AT, found null',
      'http://*.example.com wild: outranked',
      '4 more',
    ]);
  });

  it('asks for what is not in memory', () => {
    const cold = { hosts: source.hosts, read: () => undefined };
    expect(explained(cold, request('GET http://a.example.com/'))).toEqual(['missing host:http://a.example.com']);
  });
});

it('of rules whose expressions cost too much to ask them all it says how many were not asked', () => {
  const rules = Array.from({ length: 400 }, (_, i) => ({ path: expression(`/(a|b${i})*d`), route: `r${i}` }));
  const long = `http://x/${'a'.repeat(12_000)}`;
  expect(explained(sourceOf({ 'http://x': rules }), request(`GET ${long}`))).toEqual(['costly']);
  // The request itself is asked of an exact path alone.
  const exactly = { path: exact(`/${'a'.repeat(12_000)}`), route: 'exact' };
  const lines = explained(sourceOf({ 'http://x': [exactly, ...rules] }), request(`GET ${long}`), 1_000);
  expect(lines[0]).toBe('http://x exact: matched');
  const [unasked] = /^\d+(?= more$)/.exec(lines.at(-1) ?? '') ?? ['0'];
  expect(Number(unasked)).toBe(401 - (lines.length - 1));
  expect(Number(unasked)).toBeGreaterThan(100);
});
