import * as z from 'zod';
import { ROLES } from '../access/authorize.ts';
import { type ApiKey, issueKey, keyScope, listKeys, revokeKey, subjectOfKey } from '../access/keys.ts';
import { OrasiError } from '../core/errors.ts';
import type { KeyStore } from '../storage/keys.ts';
import { pageQuery, pageSchema } from './paging.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const Key = z.object({
  keyId: z.string(),
  namespace: z.string().nullable(),
  role: z.enum(ROLES),
  label: z.string(),
  createdAt: z.iso.datetime(),
  revokedAt: z.iso.datetime().optional(),
});
const IssuedKey = Key.extend({ token: z.string().describe('Shown here and nowhere else.') });
const KeyRequest = z.strictObject({
  role: z.enum(ROLES),
  label: z.string().max(200).default(''),
  allNamespaces: z.boolean().default(false).describe('A key to every namespace; only such a subject may issue it.'),
});

/** Ends the WebSockets that a subject opened in a namespace, or anywhere (null). */
export type EndSockets = (owner: string, namespaceUid: string | null) => Promise<void>;

/** `/v1/namespaces/{ns}/keys`: issue, list, revoke. */
export function mountKeys(app: ApiApp, base: ApiBase, keys: KeyStore, endSockets: EndSockets): void {
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: '/v1/namespaces/{ns}/keys',
      access: { verb: 'create', resource: 'keys' },
      tag: 'access',
      summary: 'Issues an API key; its token is in this answer alone.',
      body: KeyRequest,
      responses: { 201: { description: 'The key with its token.', schema: IssuedKey } },
    },
    async ({ params, body, subject }) => {
      if (body.allNamespaces && subject?.namespace !== null) {
        throw new OrasiError('forbidden', 'a key to all namespaces is issued only by a subject that has all of them');
      }
      const uid = await base.namespaceUid(params.ns);
      const namespace = body.allNamespaces ? null : { name: params.ns, uid };
      const { key, token } = await issueKey(keys, base.clock, base.random, { ...body, namespace });
      return Response.json({ ...keyView(key), token }, { status: 201 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/keys',
      access: { verb: 'list', resource: 'keys' },
      tag: 'access',
      summary: 'The keys of a namespace, newest first, revoked ones too; never a secret.',
      query: z.object(pageQuery),
      responses: { 200: { description: 'A page of keys.', schema: pageSchema(Key) } },
    },
    async ({ params, query, subject }) => {
      const page = await listKeys(keys, keyScope(subject, await base.namespaceUid(params.ns)), query);
      return Response.json({ ...page, items: page.items.map(keyView) });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: '/v1/namespaces/{ns}/keys/{id}',
      access: { verb: 'delete', resource: 'keys' },
      tag: 'access',
      summary: 'Revokes a key; it is dead everywhere within 10 s.',
      responses: { 204: { description: 'Revoked.' } },
    },
    async ({ params, subject }) => {
      await revokeKey(keys, base.clock, keyScope(subject, await base.namespaceUid(params.ns)), params.id);
      // Where an object cannot be reached this fails, and is right when it is said again.
      const revoked = await keys.find(params.id);
      if (revoked !== null) await endSockets(subjectOfKey(revoked.keyId), revoked.namespaceUid);
      return new Response(null, { status: 204 });
    },
  );
}

function keyView(key: ApiKey): z.input<typeof Key> {
  const { createdAtMs, revokedAtMs, ...shown } = key;
  return {
    ...shown,
    createdAt: new Date(createdAtMs).toISOString(),
    ...(revokedAtMs === undefined ? {} : { revokedAt: new Date(revokedAtMs).toISOString() }),
  };
}
