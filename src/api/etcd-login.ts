import { OrasiError } from '../core/errors.ts';
import { isEtcdPath } from './etcd-errors.ts';
import { type Message, readMessage } from './etcd-json.ts';
import { readKvBody } from './kv-body.ts';

export const AUTHENTICATE: Message = {
  name: 'etcdserverpb.AuthenticateRequest',
  fields: { name: 'text', password: 'text' },
};

/**
 * The token in the body of a client's login: an API key goes where etcd has a password, and is the token that such a
 * client then sends along, so that nothing is kept of the login. The name may be any.
 *
 * Undefined where the request is no login, or has no password in it: it is as closed as every other then.
 */
export async function loginToken(request: Request): Promise<string | undefined> {
  const { pathname } = new URL(request.url);
  if (request.method !== 'POST' || !isEtcdPath(pathname) || !pathname.endsWith('/v3/auth/authenticate'))
    return undefined;
  const password = readMessage(AUTHENTICATE, await readKvBody(request.clone())).text('password');
  return password === '' ? undefined : password;
}

/** What a login with a wrong password is answered, in etcd's words. */
export function loginRefused(): OrasiError {
  return new OrasiError('bad_request', 'etcdserver: authentication failed, invalid user ID or password');
}
