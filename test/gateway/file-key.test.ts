import { expect, test } from 'vitest';
import { fileKey } from '../../src/gateway/files.ts';

test.each([
  ['/', 'site/index.html'],
  ['/docs/', 'site/docs/index.html'],
  ['/a%20b/c.txt?x=/y', 'site/a b/c.txt'],
  ['/%E2%82%AC.txt', 'site/€.txt'],
  ['//x', 'site//x'],
])('the file of %s is %s', (path, key) => {
  expect(fileKey('site/', 'index.html', path)).toBe(key);
});

test.each(['/private%2Fsecret.txt', '/private%2fsecret.txt', '/a/%2F', '/%zz', '/%ff', `/${'x'.repeat(1_100)}`])(
  'there is no file of %s: no rule but that of its segments may be passed by',
  (path) => {
    expect(fileKey('site/', 'index.html', path)).toBeNull();
  },
);

test('a folder has no file where no index is declared', () => {
  expect(fileKey('site/', '', '/docs/')).toBeNull();
});
