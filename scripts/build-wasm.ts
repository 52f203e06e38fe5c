/**
 * Prepares the WebAssembly of PostgreSQL's parser: `node scripts/build-wasm.ts`.
 *
 * The libpg-query package asks for 128 MB of memory at once, 32 MB of it stack: a whole isolate. Its layout is
 * static data (below 1 MB), then the stack, then the heap. Three constants say where the heap begins, and
 * rewriting them moves stack and heap down; nothing else in the module knows. The written file is committed,
 * so that the Worker is bundled without a build step; a test holds that this script gives the same bytes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the package's linker put the end of the stack and the start of the heap: data, then 32 MiB. */
const ORIGINAL_STACK_TOP = 34_515_008;
const ORIGINAL_STACK_BYTES = 32 * 1024 * 1024;
const PAGE_BYTES = 65_536;

/**
 * Three times what was seen in use: writing out a tree takes about 150 bytes a level here, and the engine's own stack
 * gives out after some 8,000 levels, which the caller sees as an error (test/query/parse measures both).
 */
export const STACK_BYTES = 4 * 1024 * 1024;
/** Static data, the stack, and a first piece of heap; the host grows it on demand. */
const INITIAL_PAGES = 112;
/** 64 MiB: past it the parser is told that memory is exhausted and answers with an error. */
const MAXIMUM_PAGES = 1024;

const SECTION_MEMORY = 5;
const SECTION_GLOBAL = 6;
const SECTION_CODE = 10;
const SECTION_DATA = 11;

/** The bytes of the parser with its memory cut down. Throws where the input is not the module it was written for. */
export function shrinkParser(original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  const stackTop = ORIGINAL_STACK_TOP - ORIGINAL_STACK_BYTES + STACK_BYTES;
  let sites = 0;
  for (const { id, start, end } of sections(bytes)) {
    if (id === SECTION_MEMORY) {
      // One memory, flags 1 (has a maximum), minimum, maximum: each written in as many bytes as before.
      const minimum = readUnsigned(bytes, start + 2);
      const maximum = readUnsigned(bytes, minimum.next);
      writeUnsigned(bytes, start + 2, minimum.next, INITIAL_PAGES);
      writeUnsigned(bytes, minimum.next, maximum.next, MAXIMUM_PAGES);
      sites++;
    }
    if (id === SECTION_GLOBAL || id === SECTION_CODE) {
      // `i32.const stackTop`: the stack pointer's first value, and the thread record's copy of it.
      const pattern = [0x41, ...signed(ORIGINAL_STACK_TOP)];
      for (const at of find(bytes, pattern, start, end)) {
        writeUnsigned(bytes, at + 1, at + pattern.length, stackTop);
        sites++;
      }
    }
    if (id === SECTION_DATA) {
      // The break of `sbrk`, a word of initialised data.
      const word = new Uint8Array(new Uint32Array([ORIGINAL_STACK_TOP]).buffer);
      for (const at of find(bytes, [...word], start, end)) {
        bytes.set(new Uint8Array(new Uint32Array([stackTop]).buffer), at);
        sites++;
      }
    }
  }
  if (sites !== 4) throw new Error(`expected 4 places to rewrite in the parser's module, found ${sites}`);
  if (stackTop + PAGE_BYTES > INITIAL_PAGES * PAGE_BYTES) throw new Error('the stack leaves no room for a heap');
  return bytes;
}

function* sections(bytes: Uint8Array): Generator<{ id: number; start: number; end: number }> {
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at];
    const size = readUnsigned(bytes, at + 1);
    yield { id, start: size.next, end: size.next + size.value };
    at = size.next + size.value;
  }
}

function readUnsigned(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  let shift = 0;
  let next = at;
  for (;;) {
    const byte = bytes[next++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, next };
    shift += 7;
  }
}

/** Writes a positive number as LEB128 padded to the space given; bit 6 of the last byte stays clear, so it reads the same signed. */
function writeUnsigned(bytes: Uint8Array, start: number, end: number, value: number): void {
  let rest = value;
  for (let at = start; at < end; at++) {
    bytes[at] = (rest & 0x7f) | (at + 1 < end ? 0x80 : 0);
    rest = Math.floor(rest / 128);
  }
  if (rest !== 0) throw new Error(`${value} does not fit ${end - start} bytes`);
}

function signed(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    if (rest < 64) return [...out, rest];
    out.push((rest & 0x7f) | 0x80);
  }
}

function* find(bytes: Uint8Array, pattern: readonly number[], start: number, end: number): Generator<number> {
  for (let at = start; at + pattern.length <= end; at++) {
    if (pattern.every((byte, i) => bytes[at + i] === byte)) yield at;
  }
}

if (import.meta.main) {
  const source = join(import.meta.dirname, '../node_modules/libpg-query/wasm/libpg-query.wasm');
  const target = join(import.meta.dirname, '../src/query/parse/pg-parser.wasm');
  writeFileSync(target, shrinkParser(readFileSync(source)));
}
