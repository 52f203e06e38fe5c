import type { Random } from '../../../src/core/random.ts';
import type { DecodeInfo } from '../../../src/storage/catalog-records.ts';
import { compressed, type GoodFile } from './good-files.ts';

/** An object that somebody puts, and what was done to it. */
export interface HostileObject {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly decode: DecodeInfo;
  /** From which file it came and what was changed, for whoever has to look at a failure. */
  readonly story: string;
  /** Rows it must end with where nothing was changed. */
  readonly rows: number | undefined;
}

/** Text that means something to one of the readers. */
const TOKENS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\n',
    '\r',
    '\r\n',
    '\0',
    '\t',
    ';',
    '-',
    'e',
    '.',
    ' ',
    '""',
    '{}',
    '[]',
  ],
  ...['null', 'true', 'NaN', 'Infinity', '1e999', '-0', '01', '9'.repeat(400), '1'.repeat(39), '0.', '1e-400'],
  ...['\\u12', '\\ud800', '\ufeff', '\u2028', '"__proto__":1,', '"constructor":{},', '"a":1,"a":"x",', '"":'],
  ...['{"type":"FeatureCollection","features":[', '"features":3,', '0000-00-00', '9999-12-31T23:59:60Z'],
  ...[
    `"${'k'.repeat(300)}":1,`,
    `${'h'.repeat(300)},`,
    '['.repeat(600),
    '{"a":'.repeat(600),
    'PAR1',
    'ARROW1\0\0',
    '\x1f\x8b\x08',
    '\xff\xff\xff\xff',
  ],
].map((token) => new TextEncoder().encode(token));

const LIES = [0, 1, 7, 8, 255, 65_535, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

const EXTENSIONS = [
  'ndjson',
  'jsonl',
  'json',
  'geojson',
  'csv',
  'tsv',
  'txt',
  'parquet',
  'arrow',
  'arrows',
  'gz',
  'zst',
  'bin',
  'PARQUET',
];
const CONTENT_TYPES = [
  'application/x-ndjson',
  'application/json',
  'application/geo+json',
  'text/csv',
  'text/tab-separated-values',
  'application/vnd.apache.parquet',
  'application/vnd.apache.arrow.file',
  'application/vnd.apache.arrow.stream',
  'application/octet-stream',
  'image/png',
  ';;;',
];
const CONTENT_ENCODINGS = ['gzip', 'zstd', 'gzip, zstd', 'identity', 'br', 'gzip, gzip, gzip'];
const FORMATS = ['json', 'csv', 'parquet', 'arrow', 'avro', 'otlp', 'toString', ''];

/** Draws objects to put: damaged bytes, lying labels, compressed before or after the damage, and now and then a good one. */
export function hostileObject(files: readonly GoodFile[], random: Random): HostileObject {
  const below = (n: number) => Math.floor(random.next() * n);
  const oneOf = <T>(list: readonly T[]): T => list[below(list.length)];
  const file = oneOf(files);
  const how = oneOf(['none', 'none', 'none', 'gzip', 'zstd'] as const);
  const story: string[] = [file.name];

  let made = file;
  // One in twenty stays good: what is wrong with others must not touch it.
  const good = below(20) === 0;
  const damage = (times: number) => {
    let { bytes } = made;
    for (let i = 0; i < times; i++) {
      const [next, what] = damaged(bytes, oneOf(files).bytes, below);
      story.push(what);
      bytes = next;
    }
    made = { ...made, bytes };
  };
  const damageFirst = how === 'none' || below(2) === 0;
  if (!good && damageFirst) damage(1 + below(1 + below(4)));
  if (how !== 'none') {
    made = compressed(made, how);
    story.push(how);
    if (!good && !damageFirst) damage(1 + below(1 + below(3)));
  }

  // Damage may change nothing: what then lies about its format is no other version of what tells the truth.
  let name = good ? `untouched-${made.name}` : made.name;
  let decode: DecodeInfo = { contentType: made.contentType };
  if (!good) {
    const label = below(10);
    if (label === 0) name = `${name.slice(0, name.indexOf('.'))}.${oneOf(EXTENSIONS)}`;
    if (label === 1) name = 'nameless';
    if (label <= 2) decode = {};
    if (label === 3) decode = { contentType: oneOf(CONTENT_TYPES) };
    if (label === 4) decode = { ...decode, contentEncoding: oneOf(CONTENT_ENCODINGS) };
    if (label === 5) decode = { ...decode, format: oneOf(FORMATS) };
    if (label <= 5) story.push(`${name} ${JSON.stringify(decode)}`);
  }
  return { name, bytes: made.bytes, decode, story: story.join(', '), rows: good ? file.rows : undefined };
}

/** One change, and what it was. */
function damaged(bytes: Uint8Array, other: Uint8Array, below: (n: number) => number): [Uint8Array, string] {
  const size = bytes.length;
  if (size === 0) return [TOKENS[below(TOKENS.length)], 'began anew'];
  // A third each for the beginning, where magic and headers are, the end, where footers are, and anywhere.
  const where = below(3);
  const near = below(Math.min(size, where === 0 ? 64 : 512));
  const at = where === 0 ? near : where === 1 ? size - 1 - near : below(size);
  const splice = (remove: number, insert: Uint8Array) => {
    const rest = bytes.subarray(Math.min(size, at + remove));
    const out = new Uint8Array(at + insert.length + rest.length);
    out.set(bytes.subarray(0, at));
    out.set(insert, at);
    out.set(rest, at + insert.length);
    return out;
  };
  switch (below(12)) {
    case 0: {
      const out = bytes.slice();
      for (let flips = 1 + below(4); flips > 0; flips--) out[Math.min(size - 1, at + below(32))] ^= 1 << below(8);
      return [out, `bits flipped at ${at}`];
    }
    case 1: {
      const out = bytes.slice();
      out[at] = below(256);
      return [out, `byte changed at ${at}`];
    }
    case 2:
      return [bytes.slice(0, at), `cut at ${at}`];
    case 3:
      return [bytes.slice(at), `begun at ${at}`];
    case 4:
      return [splice(0, TOKENS[below(TOKENS.length)]), `text inserted at ${at}`];
    case 5:
      return [
        splice(
          0,
          Uint8Array.from({ length: 1 + below(16) }, () => below(256)),
        ),
        `bytes inserted at ${at}`,
      ];
    case 6: {
      const from = below(size);
      return [splice(0, bytes.slice(from, from + 1 + below(200))), `range of ${from} repeated at ${at}`];
    }
    case 7:
      return [splice(1 + below(16), new Uint8Array(0)), `bytes removed at ${at}`];
    case 8: {
      const out = bytes.slice();
      out.fill(below(2) * 255, at, at + 1 + below(9));
      return [out, `a run of one byte at ${at}`];
    }
    case 9: {
      const out = bytes.slice();
      const width = [4, 4, 8][below(3)];
      if (size < width) return [out.slice(1), 'begun at 1'];
      const place = Math.min(at - (at % 4), size - width);
      const view = new DataView(out.buffer);
      const lie = [...LIES, size, 2 * size][below(LIES.length + 2)];
      if (width === 4) view.setUint32(place, lie, below(4) > 0);
      else view.setBigInt64(place, BigInt(lie) << BigInt(below(2) * 31), true);
      return [out, `a length of ${lie} at ${place}`];
    }
    case 10: {
      const head = other.subarray(0, Math.min(other.length, [4, 8, 12, 64, 300][below(5)]));
      const out = new Uint8Array(Math.max(size, head.length));
      out.set(bytes);
      out.set(head);
      return [out, `the first ${head.length} bytes are another file's`];
    }
    default: {
      const out = new Uint8Array(at + Math.max(0, other.length - at));
      out.set(bytes.subarray(0, at));
      out.set(other.subarray(Math.min(at, other.length)), at);
      return [out, `another file's from ${at} on`];
    }
  }
}
