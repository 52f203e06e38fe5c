import { expect, test } from 'vitest';
import { signedHeaders } from '../../src/access/webhook-signature.ts';

test("a signature is that of Standard Webhooks' own example", () => {
  // From the test suite of the standard's reference libraries.
  const body = '{"test": 2432232314}';
  const headers = signedHeaders(
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1_614_265_330_000,
    body,
  );
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('a secret without the prefix is taken as it stands', () => {
  const signatureOf = (secret: string) => signedHeaders(secret, 'a', 0, 'b')['webhook-signature'];
  expect(signatureOf('secret')).toBe(signatureOf(`whsec_${btoa('secret')}`));
  expect(signatureOf('secret')).not.toBe(signatureOf('Secret'));
});
