import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';

/** Secrets may be given as Standard Webhooks writes them: this, then base64. */
const SECRET_PREFIX = 'whsec_';

/**
 * The headers of a signed webhook, as Standard Webhooks 1.0 has them: HMAC-SHA256 over `id.timestamp.body`, so that
 * any library of that standard verifies it. Source: https://www.standardwebhooks.com.
 */
export function signedHeaders(
  secret: string,
  id: string,
  atMs: number,
  body: string,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const key = secret.startsWith(SECRET_PREFIX)
    ? Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
