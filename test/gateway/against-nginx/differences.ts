import { isUtf8 } from 'node:buffer';
import { canonicalAuthority } from '../../../src/traffic/canonical.ts';
import type { RawRequest } from './requests.ts';

/** In what two answers to one request may differ. */
export type Aspect =
  /** We refuse what nginx passes on. */
  | 'refused'
  /** We pass on what nginx refuses. */
  | 'passed'
  /** Both pass it on: by another route, or as another path. */
  | 'routed'
  /** Both pass it on, with other headers. */
  | 'headers';

/** A kind of request that nginx and we take differently, on purpose. */
export interface Difference {
  /** As docs/gateway.md names it. */
  readonly name: string;
  readonly aspects: readonly Aspect[];
  /** Whether a request has what makes the difference. */
  concerns(request: RawRequest): boolean;
}

const pathOf = ({ target }: RawRequest) => target.split(/[?#]/)[0];
const hostOf = ({ lines }: RawRequest) => lines[0]?.replace(/^Host:[ \t]*/, '').trimEnd() ?? '';
const headersOf = ({ lines }: RawRequest) => lines.slice(1);
const nameOf = (line: string) => line.split(':')[0].toLowerCase();

/** Whether a path's dot segments lead above its root at any point; nginx unescapes slashes and merges them first. */
function climbs(path: string): boolean {
  let depth = 0;
  const merged = path.replaceAll(/%2e/gi, '.').replaceAll(/%2f/gi, '/').replaceAll(/\/+/g, '/');
  for (const segment of merged.slice(1).split('/')) {
    if (segment === '..') depth--;
    else if (segment !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'a Host that is no host name',
    aspects: ['refused'],
    concerns: (request) => canonicalAuthority(hostOf(request)) === null,
  },
  {
    name: 'a backslash in the path',
    aspects: ['refused'],
    concerns: (request) => /\\|%5c/i.test(pathOf(request)),
  },
  {
    name: 'a dot segment beside an escaped slash, or before parameters',
    aspects: ['refused'],
    concerns: (request) => {
      const path = pathOf(request).replaceAll(/%2e/gi, '.');
      return /(?:\/|%2f)\.{1,2}(?:%2f|;|%3b)|%2f\.{1,2}(?:\/|$)/i.test(path);
    },
  },
  {
    name: 'overlong UTF-8 in the path',
    aspects: ['refused'],
    concerns: (request) => /%c[01]%[89ab]|%e0%[89]|%f0%8/i.test(pathOf(request)),
  },
  {
    name: 'characters that a URI has no place for',
    aspects: ['refused'],
    concerns: (request) => /[<>`^ ]|\?.*"/.test(request.target) || !isUtf8(Buffer.from(request.target, 'latin1')),
  },
  {
    name: 'a header line without a colon, or with a name that is no token',
    aspects: ['refused'],
    concerns: (request) => headersOf(request).some((line) => !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/.test(line)),
  },
  {
    name: 'methods that the runtime does not know',
    aspects: ['refused'],
    concerns: ({ method }) => method === 'FOO',
  },
  {
    name: 'dot segments that lead above the root',
    aspects: ['passed'],
    concerns: (request) => climbs(pathOf(request)),
  },
  {
    name: 'a target without its slash',
    aspects: ['passed'],
    concerns: (request) => /^[a-z]+$/.test(request.target),
  },
  {
    name: 'long targets and headers',
    aspects: ['passed'],
    concerns: (request) => request.target.length > 8_000 || request.lines.some((line) => line.length > 8_000),
  },
  {
    name: 'Content-Length twice alike, or beside Transfer-Encoding',
    aspects: ['passed'],
    concerns: (request) =>
      headersOf(request).filter((line) => /^(content-length|transfer-encoding):/i.test(line)).length > 1,
  },
  {
    name: 'TRACE',
    aspects: ['passed'],
    concerns: ({ method }) => method === 'TRACE',
  },
  {
    name: 'empty segments',
    aspects: ['passed', 'routed'],
    concerns: (request) => /\/(?:\/|%2f|(?:\.|%2e){1,2}\/\/)/i.test(pathOf(request)) || /%2f\//i.test(pathOf(request)),
  },
  {
    name: 'an escaped slash',
    aspects: ['passed', 'routed'],
    concerns: (request) => /%2f/i.test(pathOf(request)),
  },
  {
    name: 'a target that names a host',
    aspects: ['routed'],
    concerns: ({ target }) => /^https?:/.test(target),
  },
  {
    name: 'a header sent more than once',
    aspects: ['headers'],
    concerns: (request) => new Set(headersOf(request).map(nameOf)).size < headersOf(request).length,
  },
  {
    name: 'tabs around a value',
    aspects: ['headers'],
    concerns: (request) => headersOf(request).some((line) => /:[ ]*\t|\t[ ]*$/.test(line)),
  },
  {
    name: 'bytes beyond ASCII in a value',
    aspects: ['headers'],
    concerns: (request) => headersOf(request).some((line) => /[\x80-\xff]/.test(line)),
  },
  {
    name: 'names with an underscore or a dot',
    aspects: ['headers'],
    concerns: (request) => headersOf(request).some((line) => /[_.]/.test(nameOf(line))),
  },
];
