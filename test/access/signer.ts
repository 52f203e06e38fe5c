import { createHash, createHmac } from 'node:crypto';

/** A signer of requests as RFC 9421 describes it, which knows nothing of our verifier. */
export interface ToSign {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface SigningOptions {
  readonly keyId: string;
  readonly secret: Uint8Array;
  readonly created: number;
  readonly nonce?: string;
  readonly expires?: number;
  readonly alg?: string;
  readonly components?: readonly string[];
  readonly label?: string;
}

/** The headers of a request with those of its signature. */
export function signed(request: ToSign, options: SigningOptions): Record<string, string> {
  const url = new URL(request.url);
  const headers: Record<string, string> = { ...request.headers };
  if (request.body !== undefined)
    headers['content-digest'] = `sha-256=:${createHash('sha256').update(request.body).digest('base64')}:`;
  const usual = ['@method', '@authority', '@path', '@query', ...(request.body === undefined ? [] : ['content-digest'])];
  const components = options.components ?? usual;
  const values: Record<string, string> = {
    '@method': request.method,
    '@authority': url.host,
    '@path': url.pathname,
    '@query': url.search === '' ? '?' : url.search,
    '@scheme': url.protocol.slice(0, -1),
    '@request-target': `${url.pathname}${url.search}`,
    '@target-uri': `${url.origin}${url.pathname}${url.search}`,
  };
  const parameters = [
    `created=${options.created}`,
    ...(options.expires === undefined ? [] : [`expires=${options.expires}`]),
    ...(options.nonce === undefined ? [] : [`nonce="${options.nonce}"`]),
    `keyid="${options.keyId}"`,
    ...(options.alg === undefined ? [] : [`alg="${options.alg}"`]),
  ];
  const input = `(${components.map((name) => `"${name}"`).join(' ')});${parameters.join(';')}`;
  const lines = components.map((name) => `"${name}": ${values[name] ?? headers[name]}`);
  const base = [...lines, `"@signature-params": ${input}`].join('\n');
  const signature = createHmac('sha256', options.secret).update(base).digest('base64');
  const label = options.label ?? 'sig';
  return { ...headers, 'signature-input': `${label}=${input}`, signature: `${label}=:${signature}:` };
}
