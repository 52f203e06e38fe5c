import { readFile } from 'node:fs/promises';
import type { Target } from '../client/client.ts';
import { type Options, UsageError } from './command.ts';
import type { Context, Contexts } from './contexts.ts';

/** Where to, as whom and within what a command works. */
export interface Resolved {
  readonly url: string;
  readonly namespace: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/**
 * Options win over the environment, which wins over the current context; a context asked for by `--context` wins
 * over the environment. A token belongs to the place it was given with: where another one goes before the context's
 * url, the context's token stays behind. Throws UsageError where no place or no such context is named.
 */
export function resolveConnection(
  options: Options,
  env: Readonly<Record<string, string | undefined>>,
  contexts: Contexts,
): Resolved {
  const asked = options.text('context');
  const name = asked ?? contexts.current;
  const context = name !== undefined && Object.hasOwn(contexts.contexts, name) ? contexts.contexts[name] : undefined;
  if (asked !== undefined && context === undefined) {
    const known = Object.keys(contexts.contexts);
    const there = known.length === 0 ? 'there are none' : `there is ${known.join(', ')}`;
    throw new UsageError(`there is no context "${asked}"; ${there}`);
  }
  const byEnv: Partial<Context> = {
    ...(env['ORASI_URL'] ? { url: env['ORASI_URL'] } : {}),
    ...(env['ORASI_TOKEN'] ? { token: env['ORASI_TOKEN'] } : {}),
    ...(env['ORASI_NAMESPACE'] ? { namespace: env['ORASI_NAMESPACE'] } : {}),
  };
  const layers: readonly Partial<Context>[] = [
    given(options),
    ...(asked === undefined ? [byEnv, context ?? {}] : [context ?? {}, byEnv]),
  ];
  const first = <Key extends keyof Context>(key: Key) => layers.find((layer) => layer[key] !== undefined)?.[key];
  const url = first('url');
  if (url === undefined) {
    throw new UsageError(
      'no platform is named: `orasi context set NAME --url URL --token-file FILE`, or set ORASI_URL',
    );
  }
  checkUrl(url);
  const fits = (layer: Partial<Context>) => layer !== context || sameOrigin(context.url, url);
  const holder = layers.find((layer) => (layer.token ?? layer.tokenFile) !== undefined && fits(layer));
  const authority = layers.find((layer) => layer.caFile !== undefined && fits(layer));
  return {
    url,
    namespace: first('namespace') ?? 'default',
    ...(holder?.token === undefined ? {} : { token: holder.token }),
    ...(holder?.token === undefined && holder?.tokenFile !== undefined ? { tokenFile: holder.tokenFile } : {}),
    ...(authority?.caFile === undefined ? {} : { caFile: authority.caFile }),
  };
}

function given(options: Options): Partial<Context> {
  const [url, tokenFile, caFile, namespace] = ['url', 'token-file', 'ca-file', 'namespace'].map(options.text);
  return {
    ...(url === undefined ? {} : { url }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** Throws UsageError where it is no address over HTTP. */
export function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new UsageError(`"${url}" is not a URL such as https://orasi.example.com`);
  }
}

function sameOrigin(left: string, right: string): boolean {
  return URL.canParse(left) && new URL(left).origin === new URL(right).origin;
}

/** Reads the files a connection names. Throws where one cannot be read. */
export async function openTarget({ url, token, tokenFile, caFile }: Resolved): Promise<Target> {
  const checked = (read: string) => {
    if (/^[\x21-\x7e]+$/.test(read)) return read;
    throw new Error(`${tokenFile ?? 'the token'} is not a token: expected one word of plain characters`);
  };
  const readToken = tokenFile === undefined ? undefined : async () => checked((await readNamed(tokenFile)).trim());
  const read = token === undefined ? await readToken?.() : checked(token);
  return {
    url,
    ...(read === undefined ? {} : { token: read }),
    ...(readToken === undefined ? {} : { readToken }),
    ...(caFile === undefined ? {} : { authorities: await readNamed(caFile) }),
  };
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
