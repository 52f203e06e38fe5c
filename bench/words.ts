import type { Random } from '../src/core/random.ts';

const LETTERS = 'etaoinshrdlcumwfgypbvk';

/** A vocabulary in which the n-th word is used 1/n as often as the first, as in a language. */
export class Words {
  /** By rank. */
  readonly vocabulary: readonly string[];
  readonly #random: Random;
  readonly #cumulative: Float64Array;

  constructor(random: Random, size: number) {
    this.#random = random;
    const words = new Set<string>();
    while (words.size < size) {
      let word = '';
      for (let left = 3 + Math.floor(random.next() * 8); left > 0; left--) {
        word += LETTERS[Math.floor(random.next() ** 1.5 * LETTERS.length)];
      }
      words.add(random.next() < 0.02 ? `${word}é` : word);
    }
    this.vocabulary = [...words];
    this.#cumulative = new Float64Array(size);
    let sum = 0;
    for (let rank = 0; rank < size; rank++) {
      sum += 1 / (rank + 1);
      this.#cumulative[rank] = sum;
    }
  }

  word(): string {
    const cumulative = this.#cumulative;
    const at = this.#random.next() * cumulative[cumulative.length - 1];
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] < at) low = middle + 1;
      else high = middle;
    }
    return this.vocabulary[low];
  }

  /** A sentence of so many words, with a capital and some commas. */
  sentence(words: number): string {
    let text = this.word();
    for (let i = 1; i < words; i++) text += (this.#random.next() < 0.08 ? ', ' : ' ') + this.word();
    return text[0].toUpperCase() + text.slice(1);
  }
}
