import { expect, test } from 'vitest';
import { selectsLabels } from '../../../src/control/gateway/label-selector.ts';

const LABELS = { team: 'shop', tier: 'gold' };
const expression = (key: string, operator: string, ...values: string[]) => ({
  matchExpressions: [{ key, operator, ...(values.length > 0 ? { values } : {}) }],
});

test.each([
  ['no requirement', {}, true],
  ['an equal label', { matchLabels: { team: 'shop' } }, true],
  ['another value', { matchLabels: { team: 'ops' } }, false],
  ['a label that is not there', { matchLabels: { stage: 'test' } }, false],
  ['one of two labels', { matchLabels: { team: 'shop', stage: 'test' } }, false],
  ['In', expression('team', 'In', 'ops', 'shop'), true],
  ['In without the value', expression('team', 'In', 'ops'), false],
  ['In of a label that is not there', expression('stage', 'In', 'undefined'), false],
  ['NotIn', expression('team', 'NotIn', 'ops'), true],
  ['NotIn with the value', expression('team', 'NotIn', 'shop'), false],
  ['NotIn of a label that is not there', expression('stage', 'NotIn', 'test'), true],
  ['Exists', expression('tier', 'Exists'), true],
  ['Exists of none', expression('stage', 'Exists'), false],
  ['DoesNotExist', expression('stage', 'DoesNotExist'), true],
  ['DoesNotExist of one', expression('tier', 'DoesNotExist'), false],
  ['an operator that is none', expression('tier', 'Like', 'gold'), false],
  ['both sorts', { matchLabels: { team: 'shop' }, ...expression('tier', 'In', 'silver') }, false],
])('a selector of %s', (_rule, selector, selects) => {
  expect(selectsLabels(selector, LABELS)).toBe(selects);
});
