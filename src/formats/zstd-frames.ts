import { OrasiError } from '../core/errors.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
/** The largest window a decoder has to remember; `zstd` stays below it up to level 19. */
const WINDOW_BYTES = 16 * 1024 * 1024;

type Expect =
  | 'magic'
  | 'skippable-size'
  | 'descriptor'
  | 'header'
  | 'block'
  | 'content'
  | 'checksum'
  | 'skippable-content';

/**
 * Finds where the frames of a zstd stream end, from their headers alone, chunk by chunk. Node's decoder
 * stops at the end of the first frame and says nothing of what follows; a file may have any number,
 * and skippable ones between them.
 * Source: https://www.rfc-editor.org/rfc/rfc8878#section-3.1
 */
export class ZstdFrames {
  #expect: Expect = 'magic';
  /** Bytes of a header collected so far. */
  #header = new Uint8Array(18);
  #have = 0;
  #need = 4;
  #lastBlock = false;
  #checksum = false;

  /** Between frames: the stream may end here. */
  get between(): boolean {
    return this.#expect === 'magic' && this.#have === 0;
  }

  /**
   * The pieces of a chunk that belong to frames with data, each of one frame; `end` says that the frame ends with
   * it. Throws `malformed_input` where the bytes are no frame.
   */
  *split(chunk: Uint8Array): Generator<{ piece: Uint8Array; end: boolean }> {
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      const inMagic = this.#expect === 'magic';
      const passing = this.#expect === 'content' || this.#expect === 'checksum' || this.#expect === 'skippable-content';
      const take = Math.min(this.#need - this.#have, chunk.length - at);
      if (!passing) this.#header.set(chunk.subarray(at, at + take), this.#have);
      this.#have += take;
      at += take;
      const complete = this.#have === this.#need;
      const skipped = this.#skipping;
      const ended = complete && this.#advance();
      if (inMagic) {
        // Only its magic, once whole, tells whether a frame has data.
        start = at;
        if (complete && !this.#skipping) yield { piece: this.#header.slice(0, 4), end: false };
      } else if (skipped) {
        start = at;
      } else if (ended) {
        yield { piece: chunk.subarray(start, at), end: true };
        start = at;
      }
    }
    if (start < chunk.length) yield { piece: chunk.subarray(start), end: false };
  }

  get #skipping(): boolean {
    return this.#expect === 'skippable-size' || this.#expect === 'skippable-content';
  }

  #word(): number {
    const [a, b, c, d] = this.#header;
    return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
  }

  /** The part expected is complete: what comes next, and whether a frame has ended. */
  #advance(): boolean {
    this.#have = 0;
    switch (this.#expect) {
      case 'magic': {
        const magic = this.#word();
        if (magic === FRAME_MAGIC) this.#next('descriptor', 1);
        else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) this.#next('skippable-size', 4);
        else throw new OrasiError('malformed_input', 'a zstd frame begins with other bytes than its magic');
        return false;
      }
      case 'skippable-size': {
        const size = this.#word();
        this.#next('skippable-content', size);
        return size === 0 && this.#ended();
      }
      case 'skippable-content':
      case 'checksum':
        return this.#ended();
      case 'descriptor': {
        const descriptor = this.#header[0];
        const single = (descriptor & 0x20) !== 0;
        this.#checksum = (descriptor & 4) !== 0;
        const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
        const sizeBytes = descriptor >> 6 === 0 ? (single ? 1 : 0) : 1 << (descriptor >> 6);
        if (dictionaryBytes > 0) throw new OrasiError('malformed_input', 'zstd with a dictionary is not supported');
        // With a single segment the content is the window; node:zlib bounds that one itself.
        this.#next('header', sizeBytes + (single ? 0 : 1));
        this.#single = single;
        return false;
      }
      case 'header': {
        if (!this.#single) this.#checkWindow(this.#header[0]);
        this.#next('block', 3);
        return false;
      }
      case 'block': {
        const header = this.#header[0] | (this.#header[1] << 8) | (this.#header[2] << 16);
        this.#lastBlock = (header & 1) === 1;
        const type = (header >> 1) & 3;
        if (type === 3) throw new OrasiError('malformed_input', 'a zstd block of the reserved type');
        this.#next('content', type === 1 ? 1 : header >> 3);
        return this.#need === 0 && this.#blockEnded();
      }
      case 'content':
        return this.#blockEnded();
    }
  }

  #single = false;

  #checkWindow(descriptor: number): void {
    const base = 2 ** (10 + (descriptor >> 3));
    const window = base + (base / 8) * (descriptor & 7);
    if (window > WINDOW_BYTES) {
      throw new OrasiError(
        'malformed_input',
        `zstd with a window of ${window} bytes; at most ${WINDOW_BYTES} fit, so compress without --long or --ultra`,
      );
    }
  }

  #blockEnded(): boolean {
    if (!this.#lastBlock) this.#next('block', 3);
    else if (this.#checksum) this.#next('checksum', 4);
    else return this.#ended();
    return false;
  }

  #ended(): boolean {
    this.#next('magic', 4);
    return true;
  }

  #next(expect: Expect, need: number): void {
    this.#expect = expect;
    this.#need = need;
  }
}
