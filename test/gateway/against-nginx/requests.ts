import fc from 'fast-check';

/** A request as bytes: what one character above 0xff would be cannot be sent. */
export interface RawRequest {
  readonly method: string;
  readonly target: string;
  /** Lines of the head, in order, without line ends; Host among them. */
  readonly lines: readonly string[];
}

export const HOST = 'fuzz.localhost';

export function headOf({ method, target, lines }: RawRequest, id: string): string {
  return [`${method} ${target} HTTP/1.1`, ...lines, `X-Id: ${id}`, 'Connection: close', '', ''].join('\r\n');
}

/** What every list is tried with, one odd thing at a time, before anything is generated. */
const TARGETS = [
  '/',
  '/public',
  '/public/',
  '/publicity',
  '/public/a?b=c',
  '/public/../admin',
  '/public/%2e%2e/admin',
  '/public/.%2E/admin',
  '/public/./a/',
  '/public/a/..',
  '/public/..',
  '/..',
  '/../../admin',
  '/./public',
  '//public',
  '/public//a',
  '/a//../public',
  '/public/..%2fadmin',
  '/public%2fa',
  '/%2e%2e%2fadmin',
  '/%70ublic',
  '/p%75blic/%41%7e',
  '/%252e%252e/admin',
  '/public/%c3%a9',
  '/public/\xc3\xa9',
  '/public/\xe9',
  '/public/%e9',
  '/public/%c0%ae%c0%ae/admin',
  '/public/%00',
  '/public/a\\b',
  '/public/a%5cb',
  '/public/..%5cadmin',
  '/public/%',
  '/public/%4',
  '/public/%zz',
  '/public/%0d%0aX-Evil:%201',
  '/public/%09%20%7f',
  '/public/a;b=1/..;/admin',
  ...Array.from('"<>^`{|}[] \'', (char) => [`/public/a${char}b`, `/public?a${char}b`]).flat(),
  '/public/a ',
  '/public#fragment',
  '/public?a#b',
  '/public?a=%zz&b=%00&c=\\',
  '/public??',
  '/public\t',
  '/public/\x00',
  '/public/\x01',
  '/public/\x7f',
  '/Public',
  '/...',
  '/public/...',
  '/.public',
  '/public/.',
  '*',
  'public',
  '',
  '?a',
  'http://fuzz.localhost/public',
  'http://a.fuzz.localhost/public',
  'https://fuzz.localhost/public',
  'ftp://fuzz.localhost/public',
  `/public/${'a'.repeat(7_000)}`,
  `/public/${'a'.repeat(9_000)}`,
  `/public/${'a'.repeat(40_000)}`,
  `/${'a/'.repeat(2_000)}`,
  `/public/${'../'.repeat(1_000)}admin`,
];

const HOSTS = [
  HOST,
  'FUZZ.LocalHost',
  `${HOST}.`,
  `${HOST}..`,
  `${HOST}:80`,
  `${HOST}.:80`,
  `${HOST}:`,
  `${HOST}:x`,
  `${HOST}:99999`,
  `${HOST}:-1`,
  `${HOST}:80:80`,
  `a.${HOST}`,
  `a.b.${HOST}`,
  `.${HOST}`,
  `a..${HOST}`,
  `*.${HOST}`,
  `a_b.${HOST}`,
  `-a.${HOST}`,
  `xn--mller-kva.${HOST}`,
  `m\xc3\xbcller.${HOST}`,
  `a%62.${HOST}`,
  `a b.${HOST}`,
  `a\t.${HOST}`,
  `a/.${HOST}`,
  `a\\.${HOST}`,
  `a?.${HOST}`,
  `a#.${HOST}`,
  `user@${HOST}`,
  `${HOST}@other.example`,
  `${HOST},other.example`,
  `${HOST} `,
  ` ${HOST}`,
  `${'a'.repeat(63)}.${HOST}`,
  `${'a'.repeat(64)}.${HOST}`,
  `${'a.'.repeat(130)}${HOST}`,
  'other.example',
  '10.0.0.1',
  '[::2]',
  '[::2]:80',
  '[::2',
  '::2',
  '[::g]',
  '0x7f.0.0.2',
  '',
];

const HEADERS: readonly (readonly string[])[] = [
  ['X-A: 1'],
  ['X-A: 1', 'X-A: 2'],
  ['X-A: 1', 'x-a: 2', 'X-a: '],
  ['X-A:1'],
  ['X-A:   1   '],
  ['X-A:\t1\t'],
  ['X-A: 1, 2,,3'],
  ['X-A: "a, b"'],
  ['X-A:'],
  ['X-A: \xe9\xff'],
  ['X-A: a\x7fb'],
  ['X-A: a\x01b'],
  ['X-A: a\x00b'],
  ['X-A: a\tb'],
  ['X-A: 1', ' folded'],
  ['X_A: 1'],
  ['X.A: 1'],
  ['X A: 1'],
  ['X-A : 1'],
  ['X-A'],
  [': 1'],
  ['X-\xe9: 1'],
  ['X(A): 1'],
  ['X-A\x00: 1'],
  [`X-A: ${'a'.repeat(7_000)}`],
  [`X-A: ${'a'.repeat(20_000)}`],
  [`X-${'a'.repeat(5_000)}: 1`],
  Array.from({ length: 150 }, (_, i) => `X-A: ${i}`),
  [`Host: ${HOST}`],
  ['Host: other.example'],
  ['Content-Length: 0', 'Content-Length: 0'],
  ['Content-Length: 1', 'Content-Length: 2'],
  ['Content-Length: -1'],
  ['Content-Length: 0x0'],
  ['Content-Length: 0', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked, identity'],
  ['Expect: something'],
];

const METHODS = ['HEAD', 'OPTIONS', 'DELETE', 'PROPFIND', 'FOO', 'get', 'G(T', 'TRACE', 'CONNECT'];

function request(more: Partial<RawRequest>): RawRequest {
  return { method: 'GET', target: '/public/x', lines: [`Host: ${HOST}`], ...more };
}

/** One odd thing each. */
export const LISTED: readonly RawRequest[] = [
  ...TARGETS.map((target) => request({ target })),
  ...HOSTS.map((host) => request({ lines: [`Host: ${host}`] })),
  ...HEADERS.map((lines) => request({ lines: [`Host: ${HOST}`, ...lines] })),
  ...METHODS.map((method) => request({ method })),
  request({ lines: [] }),
  request({ method: 'OPTIONS', target: '*' }),
];

const piece = fc.constantFrom(
  ...['/', '/', '/', '..', '.', '%2e', '%2E', '%2f', '%2F', '//', '%5c', '\\', '%00', '%', '%zz', '%25', '%252e'],
  ...[
    'public',
    'admin',
    'a',
    'A',
    '%70',
    '%41',
    ';',
    '%3b',
    '%3f',
    '%23',
    '?',
    '#',
    '%c3%a9',
    '\xc3\xa9',
    '\xe9',
    '%c0%af',
  ],
  ...['+', ' ', '%20', ':', '@', '"', '|', '[', '~', '%7e', '\x01', '\x7f', '&', '='],
);

const target = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`),
  fc.array(piece, { maxLength: 6 }).map((pieces) => `/public/${pieces.join('')}`),
);

const hostPiece = fc.constantFrom(
  'a',
  'A',
  '.',
  '..',
  '-',
  '_',
  '*',
  '%61',
  ':',
  '80',
  '@',
  '/',
  '[',
  ']',
  'xn--',
  '\xe9',
  ',',
  ' ',
);

const host = fc.oneof(
  { weight: 3, arbitrary: fc.constant(HOST) },
  { weight: 1, arbitrary: fc.array(hostPiece, { maxLength: 4 }).map((pieces) => `${pieces.join('')}${HOST}`) },
  { weight: 1, arbitrary: fc.array(hostPiece, { maxLength: 4 }).map((pieces) => `${HOST}${pieces.join('')}`) },
);

const value = fc.array(fc.constantFrom('a', ',', ' ', '\t', '"', '\xe9', '\x7f', '\x00', ';', '='), { maxLength: 6 });

const header = fc
  .tuple(fc.constantFrom('X-A', 'x-a', 'X-B', 'X_C', 'X.D'), fc.constantFrom(': ', ':', ' : '), value)
  .map(([name, colon, pieces]) => `${name}${colon}${pieces.join('')}`);

/** Odd things together. */
export const GENERATED: fc.Arbitrary<RawRequest> = fc
  .record({ target, host, headers: fc.array(header, { maxLength: 3 }) })
  .map((made) => ({ method: 'GET', target: made.target, lines: [`Host: ${made.host}`, ...made.headers] }));
