/** Bytes read ahead of the parser in one go. */
const BLOCK_BYTES = 256 * 1024;

/**
 * A window that slides over a stream: the bytes not yet done with, contiguous in one buffer.
 * Unread bytes are `bytes[start .. end)`; their offset in the object is `offset`.
 */
export class ByteWindow {
  bytes = new Uint8Array(2 * BLOCK_BYTES);
  start = 0;
  end = 0;
  /** Nothing comes after `end`. */
  ended = false;
  /** Offset in the object of `bytes[start]`. */
  offset: number;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(stream: ReadableStream<Uint8Array>, offset: number) {
    this.#reader = stream.getReader();
    this.offset = offset;
  }

  get size(): number {
    return this.end - this.start;
  }

  /** Marks everything before position `to` of the buffer as done with. */
  advance(to: number): void {
    this.offset += to - this.start;
    this.start = to;
  }

  /**
   * Reads on until the window holds `wanted` bytes more than it did, by default a block, or the stream
   * ends. Positions in the buffer move: the window begins at `start` again. False where nothing came.
   */
  async fill(wanted: number = BLOCK_BYTES): Promise<boolean> {
    const target = this.size + wanted;
    const before = this.size;
    while (!this.ended && this.size < target) {
      const { done, value } = await this.#reader.read();
      if (done) this.ended = true;
      else this.#append(value);
    }
    return this.size > before;
  }

  #append(chunk: Uint8Array): void {
    if (this.end + chunk.length > this.bytes.length) {
      const size = this.size;
      let capacity = this.bytes.length;
      while (size + chunk.length > capacity) capacity *= 2;
      // A buffer grown for one long row shrinks again once the row is done with.
      if (capacity > 4 * BLOCK_BYTES && size + chunk.length <= BLOCK_BYTES) capacity = 2 * BLOCK_BYTES;
      if (capacity === this.bytes.length) {
        this.bytes.copyWithin(0, this.start, this.end);
      } else {
        const grown = new Uint8Array(capacity);
        grown.set(this.bytes.subarray(this.start, this.end));
        this.bytes = grown;
      }
      this.start = 0;
      this.end = size;
    }
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Tells the source that no more is wanted. */
  async cancel(): Promise<void> {
    this.ended = true;
    await this.#reader.cancel();
  }
}
