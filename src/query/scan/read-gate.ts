import type { RangeReader } from '../../core/bytes.ts';
import { OrasiError } from '../../core/errors.ts';
import type { QueryContext } from '../context.ts';

/**
 * Lets at most so many reads of one query be under way, counts them, and asks before each whether the
 * query should go on. A Worker's request has six connections; the seventh would wait where nobody sees it.
 */
export class ReadGate {
  readonly #context: QueryContext;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(context: QueryContext, concurrent: number) {
    this.#context = context;
    this.#free = concurrent;
  }

  /** The same file, read through the gate. Its `read` throws `corrupt_file` where the file is gone or another. */
  guard(reader: RangeReader): RangeReader {
    return { sizeBytes: reader.sizeBytes, read: (offset, length) => this.#read(reader, offset, length) };
  }

  async #read(reader: RangeReader, offset: number, length: number): Promise<Uint8Array> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      this.#context.checkpoint();
      this.#context.stats.reads++;
      const bytes = await reader.read(offset, length).catch(asDamage);
      this.#context.stats.bytesRead += bytes.length;
      return bytes;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/**
 * A file that the catalogue names and the bucket has not, or has with other bytes, is our damage: nothing of the
 * caller's is missing, and nothing the caller does mends it.
 */
function asDamage(error: unknown): never {
  const isDamage = error instanceof OrasiError && (error.code === 'source_missing' || error.code === 'source_changed');
  throw isDamage ? new OrasiError('corrupt_file', `a file is damaged: ${error.message}`, { cause: error }) : error;
}
