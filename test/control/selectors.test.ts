import { expect, test } from 'vitest';
import type { Resource } from '../../src/control/resource.ts';
import { parseFieldSelector, parseLabelSelector } from '../../src/control/selectors.ts';
import { pipeline } from './fixture.ts';

const labelled = (labels: Record<string, string>) => pipeline('p', {}, { namespace: 'n', labels }) as Resource;

test.each([
  ['', { a: '1' }, true],
  ['a=1', { a: '1' }, true],
  ['a==1', { a: '2' }, false],
  ['a = 1', { a: '1' }, true],
  ['a!=1', { a: '2' }, true],
  ['a!=1', {}, true],
  ['a!=1', { a: '1' }, false],
  ['a', { a: '' }, true],
  ['a', {}, false],
  ['!a', {}, true],
  ['!a', { a: '1' }, false],
  ['a in (1, 2)', { a: '2' }, true],
  ['a in (1,2)', {}, false],
  ['a notin (1,2)', {}, true],
  ['a notin (1,2)', { a: '1' }, false],
  ['a in (1,2),b!=x,c', { a: '1', c: '' }, true],
  ['a in (1,2),b!=x,c', { a: '1', b: 'x', c: '' }, false],
  ['example.com/tier=web', { 'example.com/tier': 'web' }, true],
  ['a=', { a: '' }, true],
] as const)('the label selector "%s" on %j is %s', (text, labels, selected) => {
  expect(parseLabelSelector(text)(labelled(labels))).toBe(selected);
});

test.each(['a=b=c', '=a', 'a in 1', 'a,,b', 'a in (1', '-a', 'a=!'])(
  'the label selector "%s" is a bad request',
  (text) => {
    expect(() => parseLabelSelector(text)).toThrow(/unable to parse requirement/);
  },
);

test('a field selector knows name and namespace, and the fields a kind adds', () => {
  const object = labelled({});
  expect(parseFieldSelector('metadata.name=p,metadata.namespace!=other')(object)).toBe(true);
  expect(parseFieldSelector('metadata.name==q')(object)).toBe(false);
  expect(() => parseFieldSelector('spec.dataset=p')).toThrow('field label not supported: spec.dataset');
  expect(parseFieldSelector('spec.dataset=p', ['spec.dataset'])(object)).toBe(true);
  expect(() => parseFieldSelector('metadata.name')).toThrow('invalid selector');
});
