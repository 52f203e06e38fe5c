import { expect, test } from 'vitest';
import { diffShards, mergeChanges } from '../../../src/traffic/snapshot/diff.ts';
import { compiled, prefix } from '../rules.ts';

/** A page of rules, one a route: its name, and what its path begins with. */
function page(routes: Readonly<Record<string, string>>) {
  const rules = Object.entries(routes).map(([route, path]) => compiled({ route, path: prefix(path) }));
  return {
    rules: rules.map(({ rule }, action) => ({ ...rule, action })),
    actions: rules.map(({ action }) => action),
  };
}

test('routes are told by host, whatever their place in a page; upstreams and policies by name', () => {
  const before = {
    'page:http://a#0': page({ one: '/1', two: '/2', three: '/3' }),
    'upstream:uid/gone': { x: 1 },
    'upstream:uid/same': { x: 1 },
    'policy:uid/authpolicies/keys': { x: 1 },
  };
  const after = {
    'page:http://a#0': page({ three: '/3', two: '/changed', four: '/4' }),
    'upstream:uid/same': { x: 1 },
    'policy:uid/authpolicies/keys': { x: 2 },
  };
  const lines = mergeChanges(diffShards(before, after)).map((item) =>
    item.kind === 'route'
      ? `${item.change} ${item.host} ${item.name}`
      : `${item.change} ${item.kind} ${item.resource} ${item.name}`,
  );
  expect(lines).toEqual([
    'changed policy authpolicies keys',
    'added http://a four',
    'removed http://a one',
    'changed http://a two',
    'removed upstream  gone',
  ]);
});

test('a route that left one page of a host and came to another has changed', () => {
  const changes = diffShards(
    { 'page:http://a#0': page({ one: '/1' }), 'page:http://b#0': page({ one: '/1' }) },
    { 'page:http://a#1': page({ one: '/2' }) },
  );
  expect(mergeChanges(changes).map((item) => (item.kind === 'route' ? `${item.change} ${item.host}` : ''))).toEqual([
    'changed http://a',
    'removed http://b',
  ]);
});

test('nothing is told of versions that say the same', () => {
  expect(diffShards({ 'page:http://a#0': page({ one: '/1' }) }, { 'page:http://a#0': page({ one: '/1' }) })).toEqual(
    [],
  );
});
