import { expect, test } from 'vitest';
import { gatewayPlane } from './gateway-plane.ts';

test('a route and its upstream become entries that are published and announced', async () => {
  const plane = gatewayPlane();
  plane.upstream('orders');
  plane.route('shop', {
    parentRefs: [{ name: 'default' }],
    hostnames: ['shop.example.com'],
    rules: [{ backendRefs: [{ name: 'orders', port: 80 }] }],
  });
  await plane.publish();
  expect(plane.conditions('shop')).toEqual([['Accepted=True/Accepted', 'ResolvedRefs=True/ResolvedRefs']]);
  const { manifest, entries } = await plane.published();
  expect(manifest.version).toBe(plane.announced[plane.announced.length - 1]);
  expect(
    Object.keys(entries)
      .map((key) => key.replace(/[0-9a-f-]{36}/, 'uid'))
      .sort(),
  ).toEqual([
    'host:http://shop.example.com',
    'host:https://shop.example.com',
    'page:http://shop.example.com#0',
    'page:https://shop.example.com#0',
    'upstream:uid/orders',
  ]);
});
