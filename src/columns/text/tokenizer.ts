import { grownBytes, grownInt32 } from '../../core/grow.ts';
import { asciiText } from '../utf8.ts';
import type { AnalyzerOptions } from './analyzer.ts';
import { characterClass, IDEOGRAPH, MARK, SEPARATOR } from './character-class.ts';
import { foldText } from './fold.ts';
import { stemEnglish } from './stem-english.ts';
import { ENGLISH_STOP_WORDS, STOP_WORD_CHARS } from './stop-words.ts';

/** A longer term is cut here, at build and at query alike; nobody types one. UTF-8 bytes. */
export const MAX_TERM_BYTES = 255;
/** Words whose folded form or stem is remembered, and the length up to which they are; a text's words repeat. */
const CACHED_WORDS = 20_000;
const CACHED_CHARS = 64;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 16_777_619;

/**
 * Text to terms. A term is a run of letters and numbers (Unicode `\p{L}\p{N}`, with the marks that follow
 * them), folded as the options say; everything else separates. Terms of one text are numbered from 0, and a
 * stop word takes its number along.
 *
 * The terms of the last text lie in flat memory, since an index reads millions: term `i` is
 * `bytes[starts[i] .. ends[i])` in UTF-8, its FNV-1a hash is `hashes[i]`, its number `positions[i]`.
 */
export class Tokenizer {
  bytes: Uint8Array = new Uint8Array(4096);
  starts = new Int32Array(256);
  ends = new Int32Array(256);
  hashes = new Int32Array(256);
  positions = new Int32Array(256);
  count = 0;

  readonly #options: AnalyzerOptions;
  /** ASCII to its folded form, 0 for separators. */
  readonly #ascii = new Uint8Array(128);
  readonly #stopWords: ReadonlySet<string> | undefined;
  readonly #stems: Map<string, string> | undefined;
  readonly #folds = new Map<string, string>();
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  #folded: Uint8Array = new Uint8Array(1024);
  /** Bytes of the last text's terms. */
  #length = 0;
  #position = 0;

  constructor(options: AnalyzerOptions) {
    this.#options = options;
    for (let code = 48; code < 123; code++) {
      const upper = code >= 65 && code <= 90;
      if (code <= 57 || upper || code >= 97) this.#ascii[code] = upper && options.case === 'fold' ? code + 32 : code;
    }
    this.#stopWords = options.stopWords === 'english' ? new Set(ENGLISH_STOP_WORDS) : undefined;
    this.#stems = options.stemming === 'english' ? new Map() : undefined;
  }

  /** Terms of UTF-8 text; invalid sequences separate. The bytes are not kept. */
  run(source: Uint8Array, start: number, end: number): void {
    this.count = 0;
    this.#position = 0;
    this.#length = 0;
    // Folding may make text longer, and makes room for that itself.
    this.#reserve(end - start);
    const table = this.#ascii;
    let out = this.bytes;
    let at = 0;
    let from = 0;
    let begin = start;
    let hash = FNV_OFFSET;
    for (let i = start; i < end; i++) {
      const byte = source[i];
      if (byte > 127) {
        // The word, or words, around it up to the next ASCII separator; those are never part of a composition.
        let stop = i + 1;
        while (stop < end && (source[stop] > 127 || table[source[stop]] !== 0)) stop++;
        this.#length = from;
        this.#runBeyondAscii(source, begin, stop, end - stop);
        out = this.bytes;
        at = this.#length;
        from = at;
        hash = FNV_OFFSET;
        i = stop - 1;
        begin = stop;
        continue;
      }
      const folded = table[byte];
      if (folded !== 0) {
        out[at++] = folded;
        hash = Math.imul(hash ^ folded, FNV_PRIME);
        continue;
      }
      begin = i + 1;
      if (at === from) continue;
      at = this.#endTerm(from, at, hash);
      from = at;
      hash = FNV_OFFSET;
    }
    if (at > from) this.#length = this.#endTerm(from, at, hash);
  }

  /** Terms of a string. */
  runText(text: string): void {
    const bytes = this.#encoder.encode(text);
    this.run(bytes, 0, bytes.length);
  }

  /** A term of the last text as a string. */
  term(index: number): string {
    return this.#decoder.decode(this.bytes.subarray(this.starts[index], this.ends[index]));
  }

  /** Terms of a stretch without ASCII separators; `rest` bytes of the text follow it. */
  #runBeyondAscii(source: Uint8Array, start: number, end: number, rest: number): void {
    const text = this.#decoder.decode(source.subarray(start, end));
    let folded = this.#folds.get(text);
    if (folded === undefined) {
      folded = foldText(text, this.#options);
      if (this.#folds.size >= CACHED_WORDS) this.#folds.clear();
      if (text.length <= CACHED_CHARS) this.#folds.set(text, folded);
    }
    if (this.#folded.length < folded.length * 3) this.#folded = new Uint8Array(folded.length * 6);
    const length = this.#encoder.encodeInto(folded, this.#folded).written;
    this.#reserve(this.#length + length + rest);
    this.#scan(this.#folded, length);
  }

  #reserve(length: number): void {
    if (length <= this.bytes.length) return;
    this.bytes = grownBytes(this.bytes, length * 2);
  }

  /** Well-formed UTF-8 that is folded already. */
  #scan(source: Uint8Array, length: number): void {
    const table = this.#ascii;
    const out = this.bytes;
    let at = this.#length;
    let from = at;
    let sole = false;
    for (let i = 0; i < length; ) {
      const lead = source[i];
      let size = 1;
      let kind: number;
      if (lead < 128) {
        kind = table[lead] === 0 ? SEPARATOR : 1;
      } else {
        size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        kind = characterClass(codePointAt(source, i, size));
      }
      if (kind === MARK) {
        if (at === from) kind = SEPARATOR;
      } else if (at > from && (kind === SEPARATOR || kind === IDEOGRAPH || sole)) {
        at = this.#endTerm(from, at, hashOf(out, from, at));
        from = at;
      }
      if (kind !== SEPARATOR) {
        if (at === from) sole = kind === IDEOGRAPH;
        for (let k = 0; k < size; k++) out[at++] = source[i + k];
      }
      i += size;
    }
    this.#length = at > from ? this.#endTerm(from, at, hashOf(out, from, at)) : from;
  }

  /** Records a term and says where the next one may begin. */
  #endTerm(start: number, rawEnd: number, rawHash: number): number {
    let end = rawEnd;
    let hash = rawHash;
    const position = this.#position++;
    if (end - start > MAX_TERM_BYTES) {
      end = start + MAX_TERM_BYTES;
      while ((this.bytes[end] & 0xc0) === 0x80) end--;
      hash = hashOf(this.bytes, start, end);
    }
    if (this.#stopWords !== undefined && end - start <= STOP_WORD_CHARS) {
      if (this.#stopWords.has(asciiText(this.bytes, start, end).toLowerCase())) return start;
    }
    if (this.#stems !== undefined) {
      end = this.#stem(this.#stems, start, end);
      hash = hashOf(this.bytes, start, end);
    }
    const index = this.count++;
    if (index === this.starts.length) this.#grow();
    this.starts[index] = start;
    this.ends[index] = end;
    this.hashes[index] = hash;
    this.positions[index] = position;
    return end;
  }

  #stem(stems: Map<string, string>, start: number, end: number): number {
    const word = this.#decoder.decode(this.bytes.subarray(start, end));
    let stem = stems.get(word);
    if (stem === undefined) {
      stem = stemEnglish(word);
      if (stems.size >= CACHED_WORDS) stems.clear();
      stems.set(word, stem);
    }
    // A stem is never longer than its word.
    return start + this.#encoder.encodeInto(stem, this.bytes.subarray(start, end)).written;
  }

  #grow(): void {
    const grow = (array: Int32Array) => grownInt32(array, array.length * 2);
    this.starts = grow(this.starts);
    this.ends = grow(this.ends);
    this.hashes = grow(this.hashes);
    this.positions = grow(this.positions);
  }
}

function codePointAt(bytes: Uint8Array, at: number, size: number): number {
  if (size === 2) return ((bytes[at] & 0x1f) << 6) | (bytes[at + 1] & 0x3f);
  const low = ((bytes[at + 1] & 0x3f) << 6) | (bytes[at + 2] & 0x3f);
  if (size === 3) return ((bytes[at] & 0x0f) << 12) | low;
  return ((bytes[at] & 0x07) << 18) | (low << 6) | (bytes[at + 3] & 0x3f);
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_OFFSET;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], FNV_PRIME);
  return hash;
}
