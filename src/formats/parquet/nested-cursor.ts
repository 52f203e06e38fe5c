import { newBitmap, setBit, sliceBitmap } from '../../columns/bitmap.ts';
import type { Column } from '../../columns/column.ts';
import { JSON_TYPE } from '../../columns/types.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import { LIMITS } from '../../core/limits.ts';
import type { PageLocation } from '../../parquet/page-index.ts';
import type { ColumnCursor } from './flat-cursor.ts';
import { writeAscii, writeJsonString } from './json-values.ts';
import type { LeafQueue } from './leaf-queue.ts';
import type { MapNode, Node } from './tree.ts';

const encoder = new TextEncoder();

/** A top-level column that is not a leaf, as JSON text a row: its leaves' levels and values assembled. */
export class NestedCursor implements ColumnCursor {
  readonly #node: Node;
  /** By the leaf's ordinal in the file. */
  readonly #leaves: readonly LeafQueue[];
  /** Names of struct fields as they stand in the text: quoted, with the colon. */
  readonly #names = new Map<Node, Uint8Array>();

  readonly #mostBytes: number;
  /** Where the row being written must end. */
  #rowEnd = 0;

  /** `mostBytes` of text end a batch, whatever its rows. */
  constructor(node: Node, leaves: readonly LeafQueue[], mostBytes: number) {
    this.#node = node;
    this.#leaves = leaves;
    this.#mostBytes = mostBytes;
  }

  get heldBytes(): number {
    return this.#leaves.reduce((sum, leaf) => sum + leaf.heldBytes, 0);
  }

  /** Values of rows begun cannot be let go; what was read ahead of them can. */
  park(): void {
    for (const leaf of this.#leaves) leaf.park();
  }

  async skip(rows: number, _pages: readonly PageLocation[] | undefined): Promise<void> {
    for (const leaf of this.#leaves) await leaf.skip(rows);
  }

  async take(rows: number): Promise<Column> {
    for (const leaf of this.#leaves) await leaf.load(rows);
    const out = new ByteWriter(64 * rows);
    const ends = new Int32Array(rows + 1);
    const validity = newBitmap(rows, false);
    let taken = 0;
    let nulls = 0;
    while (taken < rows && (taken === 0 || out.length < this.#mostBytes)) {
      this.#rowEnd = out.length + LIMITS.rowBytes;
      for (const leaf of this.#leaves) leaf.beginRow();
      if (this.#isNull(this.#node)) {
        this.#pass(this.#node);
        nulls++;
      } else {
        this.#write(this.#node, out);
        setBit(validity, taken);
      }
      for (const leaf of this.#leaves) leaf.endRow();
      ends[++taken] = out.length;
    }
    const offsets = ends.subarray(0, taken + 1);
    return {
      type: JSON_TYPE,
      length: taken,
      validity: nulls > 0 ? sliceBitmap(validity, 0, taken) : null,
      data: { layout: 'varlen', offsets, bytes: out.view() },
    };
  }

  #definition(node: Node): number {
    return this.#leaves[node.firstLeaf - this.#node.firstLeaf].definition;
  }

  #isNull(node: Node): boolean {
    return node.optional && this.#definition(node) < node.definition;
  }

  /** Passes over the one entry that says that the node, or what is in it, is absent. */
  #pass(node: Node): void {
    for (let leaf = node.firstLeaf; leaf < node.endLeaf; leaf++) this.#leaves[leaf - this.#node.firstLeaf].pass();
  }

  #write(node: Node, out: ByteWriter): void {
    if (this.#isNull(node)) {
      this.#pass(node);
      writeAscii('null', out);
      return;
    }
    switch (node.kind) {
      case 'leaf': {
        const leaf = this.#leaves[node.firstLeaf - this.#node.firstLeaf];
        // A row beyond the limit is refused by whoever checks rows; it need not be written to its end.
        if (out.length > this.#rowEnd) leaf.pass();
        else leaf.write(out);
        return;
      }
      case 'struct':
        writeAscii('{', out);
        node.children.forEach((child, i) => {
          if (i > 0) writeAscii(',', out);
          out.append(this.#name(child));
          this.#write(child, out);
        });
        writeAscii('}', out);
        return;
      case 'list':
        writeAscii('[', out);
        this.#items(node, out, () => this.#write(node.item, out));
        writeAscii(']', out);
        return;
      case 'map':
        writeAscii('{', out);
        this.#items(node, out, () => {
          this.#writeKey(node, out);
          writeAscii(':', out);
          this.#write(node.value, out);
        });
        writeAscii('}', out);
        return;
    }
  }

  #items(node: Extract<Node, { itemDefinition: number }>, out: ByteWriter, item: () => void): void {
    if (this.#definition(node) < node.itemDefinition) {
      this.#pass(node);
      return;
    }
    const leaf = this.#leaves[node.firstLeaf - this.#node.firstLeaf];
    for (let first = true; first || leaf.repetition === node.itemRepetition; first = false) {
      if (!first) writeAscii(',', out);
      item();
    }
  }

  /** A key of JSON is a string: other values stand in it as their text, nested ones as their JSON. */
  #writeKey({ key }: MapNode, out: ByteWriter): void {
    const text = new ByteWriter(64);
    this.#write(key, text);
    if (text.bytes[0] === QUOTE && text.length > 1) out.append(text.view());
    else writeJsonString(text.bytes, 0, text.length, out);
  }

  #name(node: Node): Uint8Array {
    let name = this.#names.get(node);
    if (name === undefined) {
      name = encoder.encode(`${JSON.stringify(node.name)}:`);
      this.#names.set(node, name);
    }
    return name;
  }
}

const QUOTE = 0x22;
