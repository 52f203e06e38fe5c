/** A request for a file, as it comes to the bucket. */
export interface FileRequest {
  readonly method: string;
  readonly pathAndQuery: string;
  readonly headers: Pick<Headers, 'get' | 'has'>;
}

/** The part of R2 that files are read by. */
export type FilesBucket = Pick<R2Bucket, 'get' | 'head'>;

/** Content types of files that were put without one. */
const TYPES: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  css: 'text/css; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  gif: 'image/gif',
  html: 'text/html; charset=utf-8',
  ico: 'image/vnd.microsoft.icon',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  md: 'text/markdown; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  webmanifest: 'application/manifest+json',
  webp: 'image/webp',
  woff2: 'font/woff2',
  xml: 'application/xml',
};

/**
 * Answers with a file of a bucket: GET and HEAD, conditions and one range (RFC 9110, sections 13 and 14). Names are
 * the path without its escapes; nothing in them is resolved, so that what is outside of `prefix` has no path.
 *
 * @param prefix stands before the path, and is the upstream's or its namespace's
 */
export async function answerFile(
  bucket: FilesBucket,
  prefix: string,
  indexDocument: string,
  request: FileRequest,
): Promise<Response> {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'this is a file', { allow: 'GET, HEAD' });
  const key = fileKey(prefix, indexDocument, request.pathAndQuery);
  if (key === null) return plain(404, 'no such file');
  const asked = method === 'GET' ? headers.get('range') : null;
  // A range of another version than the client has is of no use to it, so it gets the whole (RFC 9110, section 13.1.5).
  const ifRange = asked === null ? null : headers.get('if-range');
  const head = method === 'HEAD' || asked !== null ? await bucket.head(key) : null;
  if (head === null && (method === 'HEAD' || asked !== null)) return plain(404, 'no such file');
  const range =
    head === null || asked === null || (ifRange !== null && !isSameVersion(head, ifRange))
      ? null
      : readRange(asked, head.size);
  if (range === 'unsatisfiable') {
    return plain(416, 'the file is shorter', { 'content-range': `bytes */${head?.size}` });
  }
  const object =
    head !== null && method === 'HEAD'
      ? head
      : await bucket.get(key, { onlyIf: conditions(headers), ...(range === null ? {} : { range }) });
  if (object === null) return plain(404, 'no such file');
  const answer = fileHeaders(object, key);
  const failed = method === 'HEAD' ? failedCondition(object, headers) : !('body' in object);
  if (failed) {
    const status = headers.has('if-match') || headers.has('if-unmodified-since') ? 412 : 304;
    return new Response(null, { status, headers: answer });
  }
  const length = range === null ? object.size : range.length;
  answer.set('content-length', String(length));
  if (range !== null) {
    answer.set('content-range', `bytes ${range.offset}-${range.offset + range.length - 1}/${object.size}`);
  }
  const body = 'body' in object ? (object as R2ObjectBody).body : null;
  return new Response(body, { status: range === null ? 200 : 206, headers: answer, encodeBody: 'manual' });
}

/**
 * The key of a path; null where none can be meant. A slash that is escaped parts no segments where rules and policies are
 * matched, so it does not here either: else `/private%2Fx` would be the file of `/private/x` under the policy of `/`.
 */
export function fileKey(prefix: string, indexDocument: string, pathAndQuery: string): string | null {
  const path = pathAndQuery.split('?', 1)[0].slice(1);
  let name: string;
  try {
    const segments = path.split('/').map(decodeURIComponent);
    if (segments.some((segment) => segment.includes('/'))) return null;
    name = segments.join('/');
  } catch {
    return null;
  }
  if (name === '' || name.endsWith('/')) {
    if (indexDocument === '') return null;
    name += indexDocument;
  }
  const key = prefix + name;
  return new TextEncoder().encode(key).length > 1024 ? null : key;
}

/** A range of `Range`; null where it asks for none that is served (then the whole file is the answer). */
export function readRange(header: string, size: number): { offset: number; length: number } | 'unsatisfiable' | null {
  const parts = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (parts === null || (parts[1] === '' && parts[2] === '')) return null;
  if (parts[1] === '') {
    const length = Math.min(Number(parts[2]), size);
    return length === 0 ? 'unsatisfiable' : { offset: size - length, length };
  }
  const offset = Number(parts[1]);
  if (offset >= size) return 'unsatisfiable';
  const last = parts[2] === '' ? size - 1 : Math.min(Number(parts[2]), size - 1);
  return last < offset ? null : { offset, length: last - offset + 1 };
}

function fileHeaders(object: R2Object, key: string): Headers {
  const headers = new Headers();
  object.writeHttpMetadata(headers);
  if (!headers.has('content-type')) {
    const type = TYPES[key.slice(key.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream';
    headers.set('content-type', type);
  }
  headers.set('etag', object.httpEtag);
  headers.set('last-modified', object.uploaded.toUTCString());
  headers.set('accept-ranges', 'bytes');
  return headers;
}

/** The conditions that R2 itself decides. */
function conditions(headers: FileRequest['headers']): Headers {
  const picked = new Headers();
  for (const name of ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']) {
    const value = headers.get(name);
    if (value !== null) picked.set(name, value);
  }
  return picked;
}

/** Whether a condition of a HEAD does not hold, by the order of RFC 9110, section 13.2.2. */
function failedCondition(object: R2Object, headers: FileRequest['headers']): boolean {
  const match = headers.get('if-match');
  if (match !== null) {
    if (!hasTag(match, object.httpEtag, false)) return true;
  } else if (isAfter(object.uploaded, headers.get('if-unmodified-since'))) return true;
  const noneMatch = headers.get('if-none-match');
  if (noneMatch !== null) return hasTag(noneMatch, object.httpEtag, true);
  const since = headers.get('if-modified-since');
  return since !== null && !Number.isNaN(Date.parse(since)) && !isAfter(object.uploaded, since);
}

function hasTag(list: string, etag: string, weakly: boolean): boolean {
  const tags = list.split(',').map((tag) => tag.trim());
  return tags.includes('*') || tags.some((tag) => (weakly ? tag.replace(/^W\//, '') : tag) === etag);
}

/** Whether a time is after a header's, in whole seconds, which is all that a header has. */
function isAfter(time: Date, header: string | null): boolean {
  if (header === null) return false;
  const limit = Date.parse(header);
  return !Number.isNaN(limit) && Math.floor(time.getTime() / 1000) > Math.floor(limit / 1000);
}

function isSameVersion(object: R2Object, ifRange: string): boolean {
  const value = ifRange.trim();
  if (value.startsWith('"')) return value === object.httpEtag;
  return value === object.uploaded.toUTCString();
}

function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${text}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } });
}
