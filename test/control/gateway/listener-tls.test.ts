import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import { INTERMEDIATE, LEAF, LEAF_KEY, OTHER_KEY } from '../../certificates.ts';
import { SECRETS } from '../fixture.ts';
import { GATEWAYS } from './fixture.ts';
import { conditionTexts, gatewayPlane } from './gateway-plane.ts';

const NOT_BEFORE = Date.UTC(2026, 10, 21, 18, 7, 9);
const NOT_AFTER = Date.UTC(2081, 7, 24, 18, 7, 9);

/** A Gateway with a listener of shop.example.com whose certificate is in the Secret `tls`. */
async function world(startMs = NOT_BEFORE) {
  const plane = gatewayPlane();
  plane.clock.advance(startMs - plane.clock.now());
  plane.gateway('edge', {
    gatewayClassName: 'orasi',
    listeners: [
      {
        name: 'https',
        protocol: 'HTTPS',
        port: 443,
        hostname: 'shop.example.com',
        tls: { certificateRefs: [{ name: 'tls' }] },
      },
    ],
  });
  await plane.publish();
  const secret = async (certificate: string, key: string) => {
    const data = {
      'tls.crt': Buffer.from(certificate).toString('base64'),
      'tls.key': Buffer.from(key).toString('base64'),
    };
    plane.apply(
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tls' }, type: 'kubernetes.io/tls', data },
      SECRETS,
    );
    await plane.publish();
  };
  const resolved = () => {
    const { status } = plane.read(GATEWAYS, 'edge');
    const [listener] = (status as JsonObject).listeners as JsonObject[];
    const conditions = listener.conditions as JsonObject[];
    const { message } = conditions.find(({ type }) => type === 'ResolvedRefs') ?? {};
    return { text: conditionTexts(conditions).find((text) => text.startsWith('ResolvedRefs')), message };
  };
  return { ...plane, secret, resolved };
}

test('a listener whose certificate is not there says so, and is mended when it comes, and breaks when its key is another', async () => {
  const { secret, resolved, machine } = await world();
  expect(resolved().text).toBe('ResolvedRefs=False/InvalidCertificateRef');
  await secret(LEAF + INTERMEDIATE, LEAF_KEY);
  expect(resolved().text).toBe('ResolvedRefs=True/ResolvedRefs');
  const expiry = { namespace: 'default', gateway: 'edge', listener: 'https', notAfterMs: NOT_AFTER };
  expect(machine.listenerExpiries()).toEqual([expiry]);
  await secret(LEAF + INTERMEDIATE, OTHER_KEY);
  expect(resolved()).toEqual({
    text: 'ResolvedRefs=False/InvalidCertificateRef',
    message: expect.stringContaining('tls.key is not the key of the certificate'),
  });
  // It still has its day, which is what somebody watches.
  expect(machine.listenerExpiries()).toEqual([expiry]);
});

test('a certificate that expires while nothing changes is told of', async () => {
  const { secret, resolved, clock, publish } = await world();
  await secret(LEAF + INTERMEDIATE, LEAF_KEY);
  clock.advance(NOT_AFTER - clock.now() - 1_500);
  await publish();
  expect(resolved().text).toBe('ResolvedRefs=True/ResolvedRefs');
  clock.advance(2_000);
  await publish();
  expect(resolved()).toEqual({
    text: 'ResolvedRefs=False/InvalidCertificateRef',
    message: expect.stringContaining('expired'),
  });
});

test('a certificate that begins to hold while nothing changes is served from then on', async () => {
  const { secret, resolved, clock, publish } = await world(NOT_BEFORE - 10_000);
  await secret(LEAF + INTERMEDIATE, LEAF_KEY);
  expect(resolved()).toEqual({
    text: 'ResolvedRefs=False/InvalidCertificateRef',
    message: expect.stringContaining('does not hold before'),
  });
  clock.advance(10_000);
  await publish();
  expect(resolved().text).toBe('ResolvedRefs=True/ResolvedRefs');
});
