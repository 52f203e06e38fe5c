/**
 * Finds the end of a JSON value by its brackets and quotes alone, in constant memory and across
 * buffers: the way past a value that is too large to hold or broken inside.
 */
export class ValueSkipper {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #started = false;

  /** Goes on at `start`; the position behind the value, or -1 where it goes on past `end`. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === 92) this.#escaped = true;
        else if (byte === 34) {
          this.#inString = false;
          if (this.#depth === 0) return at + 1;
        }
      } else if (byte === 34) {
        this.#inString = true;
      } else if (byte === 123 || byte === 91) {
        this.#depth++;
      } else if (byte === 125 || byte === 93) {
        // A closing bracket of what is around a scalar ends it.
        if (this.#depth === 0) return at;
        if (--this.#depth === 0) return at + 1;
      } else if (this.#depth === 0 && this.#started && (byte === 44 || byte <= 32)) {
        return at;
      }
      this.#started = true;
    }
    return -1;
  }
}
