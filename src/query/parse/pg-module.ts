import { assert } from '../../core/errors.ts';

/** What PostgreSQL's grammar says of a text: its tree as JSON text, or an error at a byte-free character position. */
export type RawParse =
  | { readonly ok: true; readonly json: string }
  /** `position` counts characters from 1; 0 where PostgreSQL gives none. */
  | { readonly ok: false; readonly message: string; readonly position: number };

interface PgExports {
  readonly z: WebAssembly.Memory;
  readonly D: WebAssembly.Table;
  /** Runs the module's constructors. */
  A(): void;
  /** malloc, free, parse to a result record, free that record. */
  C(bytes: number): number;
  E(address: number): void;
  F(text: number): number;
  G(result: number): void;
  /** setThrew, restore and read the stack pointer: what longjmp needs of its host. */
  P(threw: number, value: number): void;
  Q(stack: number): void;
  R(): number;
}

/** Thrown by the module's longjmp and caught by the `invoke_…` that stands for its setjmp. */
class LongJump extends Error {}

/** PostgreSQL's ereport reached a point it cannot come back from; the instance is spent. */
export class ParserAborted extends Error {}

const PAGE_BYTES = 65_536;
/** End of static data; the stack grows down to it. */
const DATA_END = 960_576;
const CANARY_BYTES = 1024;
const CANARY = 0xa5;
/** An instance that has grown past this is let go after the statement, for memory of WebAssembly never shrinks. */
const KEEP_BYTES = 16 * 1024 * 1024;

/**
 * One instance of PostgreSQL's raw parser, without the package's JavaScript: that looks at `process` and
 * `location` to find out where it runs, and takes workerd for Node. The module imports 25 functions, of which
 * only longjmp and memory growth do anything in a parser.
 */
export class PgInstance {
  readonly #exports: PgExports;
  #spent = false;

  constructor(module: WebAssembly.Module) {
    let exports: PgExports | undefined;
    const get = (): PgExports => {
      assert(exports !== undefined, 'the parser calls its host only once it is instantiated');
      return exports;
    };
    const invoke = (index: number, ...args: (number | bigint)[]) => {
      const { D, P, Q, R } = get();
      const stack = R();
      try {
        return D.get(index)(...args);
      } catch (error) {
        Q(stack);
        if (!(error instanceof LongJump)) throw error;
        P(1, 0);
        return 0;
      }
    };
    const invokeLong = (index: number, ...args: (number | bigint)[]) => BigInt(invoke(index, ...args) ?? 0);
    const abort = () => {
      throw new ParserAborted('the SQL parser aborted');
    };
    const zero = () => 0;
    const imports: Record<string, (...args: never[]) => unknown> = {
      a: invoke,
      b: invoke,
      d: invoke,
      e: invoke,
      f: invoke,
      g: invoke,
      h: invoke,
      i: invoke,
      j: invoke,
      k: invoke,
      l: invokeLong,
      n: invoke,
      y: invoke,
      c: abort,
      m: abort,
      v: abort,
      x: abort,
      o: zero,
      w: zero,
      // File descriptors: the parser writes nothing but assertion texts.
      r: zero,
      s: zero,
      t: zero,
      u: zero,
      p: () => {
        throw new LongJump('longjmp');
      },
      q: (bytes: number) => growTo(get().z, bytes >>> 0),
    };
    const instance = new WebAssembly.Instance(module, { a: imports as WebAssembly.ModuleImports });
    exports = instance.exports as unknown as PgExports;
    this.#exports = exports;
    new Uint8Array(exports.z.buffer).fill(CANARY, DATA_END, DATA_END + CANARY_BYTES);
    exports.A();
  }

  /** Whether the next statement needs a new instance. */
  get spent(): boolean {
    return this.#spent;
  }

  get memoryBytes(): number {
    return this.#exports.z.buffer.byteLength;
  }

  /** Bytes of stack that were ever used; for the test that proves the stack large enough. */
  get stackBytesUsed(): number {
    const memory = new Uint8Array(this.#exports.z.buffer);
    const top = this.#exports.R();
    let at = DATA_END + CANARY_BYTES;
    while (at < top && memory[at] === 0) at++;
    return top - at;
  }

  /** Parses a text without NUL characters. After anything thrown the instance is spent. */
  parse(sql: string): RawParse {
    assert(!this.#spent, 'a spent parser is not used again');
    this.#spent = true;
    const { C: malloc, E: free, F: parse, G: freeResult, z: memory } = this.#exports;
    const utf8 = new TextEncoder().encode(sql);
    const text = malloc(utf8.length + 1);
    if (text === 0) throw new ParserAborted('the SQL parser is out of memory');
    const input = new Uint8Array(memory.buffer, text, utf8.length + 1);
    input.set(utf8);
    input[utf8.length] = 0;
    const result = parse(text);
    if (result === 0) throw new ParserAborted('the SQL parser is out of memory');
    // struct { char *tree; char *stderr; struct { char *message, *function, *file; int line, position; … } *error; }
    const view = new DataView(memory.buffer);
    const tree = view.getUint32(result, true);
    const error = view.getUint32(result + 8, true);
    const parsed: RawParse =
      error === 0
        ? { ok: true, json: this.#string(tree) }
        : {
            ok: false,
            message: this.#string(view.getUint32(error, true)),
            position: view.getInt32(error + 16, true),
          };
    freeResult(result);
    free(text);
    this.#spent = this.#stackOverran() || this.memoryBytes > KEEP_BYTES;
    return parsed;
  }

  #string(address: number): string {
    const memory = new Uint8Array(this.#exports.z.buffer);
    return new TextDecoder().decode(memory.subarray(address, memory.indexOf(0, address)));
  }

  #stackOverran(): boolean {
    const canary = new Uint8Array(this.#exports.z.buffer, DATA_END, CANARY_BYTES);
    return canary.some((byte) => byte !== CANARY);
  }
}

/** Grows to at least `bytes`, a little ahead so that malloc does not ask for every page; false where the maximum forbids. */
function growTo(memory: WebAssembly.Memory, bytes: number): boolean {
  const present = memory.buffer.byteLength;
  for (const wanted of [Math.max(bytes, present + (present >> 2)), bytes]) {
    try {
      memory.grow(Math.ceil((wanted - present) / PAGE_BYTES));
      return true;
    } catch {
      // The maximum forbids it: try the smaller step, then tell malloc no.
    }
  }
  return false;
}
