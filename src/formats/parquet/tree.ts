import type { Leaf } from '../../parquet/levels.ts';
import type { SchemaElement } from '../../parquet/metadata.ts';
import { malformed } from '../../parquet/thrift.ts';

/**
 * A Parquet schema as a tree of what its groups mean. `definition` is the level from which on the node itself
 * is present; at a lower one an ancestor is absent or, one below for an optional node, it is null.
 * Source: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#nested-types
 */
export type Node = LeafNode | StructNode | ListNode | MapNode;

interface NodeBase {
  readonly name: string;
  readonly optional: boolean;
  readonly definition: number;
  /** Ordinals of the leaves below, from the first up to and without the last. */
  readonly firstLeaf: number;
  readonly endLeaf: number;
}

export interface LeafNode extends NodeBase {
  readonly kind: 'leaf';
  readonly element: SchemaElement;
  readonly leaf: Leaf;
}

export interface StructNode extends NodeBase {
  readonly kind: 'struct';
  readonly children: readonly Node[];
}

export interface ListNode extends NodeBase {
  readonly kind: 'list';
  readonly item: Node;
  /** The level from which on there is an item; one below, the list is empty. */
  readonly itemDefinition: number;
  /** An entry at this repetition level begins another item. */
  readonly itemRepetition: number;
}

export interface MapNode extends NodeBase {
  readonly kind: 'map';
  readonly key: Node;
  readonly value: Node;
  readonly itemDefinition: number;
  readonly itemRepetition: number;
}

/** Deeper schemas are refused: levels stay within a byte, and reading them within the stack. */
const MOST_DEPTH = 60;

/** The columns of a file, top level only; nested ones carry their trees. Throws `malformed_input`. */
export function schemaTree(elements: readonly SchemaElement[]): Node[] {
  const [root] = elements;
  if (root.type !== undefined) throw malformed('the schema has no root');
  const walk = new Walk(elements);
  const columns: Node[] = [];
  for (let i = 0; i < root.children; i++) columns.push(walk.node(0, 0, 1));
  if (walk.next !== elements.length) throw malformed('the schema has elements that belong to no group');
  return columns;
}

class Walk {
  readonly #elements: readonly SchemaElement[];
  next = 1;
  #leaves = 0;

  constructor(elements: readonly SchemaElement[]) {
    this.#elements = elements;
  }

  #take(): SchemaElement {
    const element = this.#elements[this.next++];
    if (element === undefined) throw malformed('a group has fewer elements than it says');
    return element;
  }

  /** Reads the next element with all below it, under ancestors that count so many levels. */
  node(definition: number, repetition: number, depth: number): Node {
    if (depth > MOST_DEPTH) throw malformed('the schema nests too deeply');
    const element = this.#take();
    if (element.repetition !== 'repeated') return this.#present(element, definition, repetition, depth);
    // A repeated element outside an annotated group is a list of its own, never null and of no null.
    const firstLeaf = this.#leaves;
    const item = this.#present({ ...element, repetition: 'required' }, definition + 1, repetition + 1, depth);
    const base = { name: element.name, optional: false, definition, firstLeaf, endLeaf: this.#leaves };
    return { ...base, kind: 'list', item, itemDefinition: definition + 1, itemRepetition: repetition + 1 };
  }

  #present(element: SchemaElement, ancestors: number, repetition: number, depth: number): Node {
    const optional = element.repetition === 'optional';
    const definition = ancestors + (optional ? 1 : 0);
    const { name } = element;
    const firstLeaf = this.#leaves;
    if (element.type !== undefined) {
      this.#leaves++;
      const { type, typeLength } = element;
      const leaf = { type, typeLength, maxDefinition: definition, maxRepetition: repetition };
      return { kind: 'leaf', name, optional, definition, firstLeaf, endLeaf: this.#leaves, element, leaf };
    }
    if (element.children === 0) throw malformed(`the group ${name} is empty`);
    const inner = this.#elements[this.next];
    const repeats = element.children === 1 && inner?.repetition === 'repeated';
    if (repeats && isMap(element) && inner.type === undefined && inner.children === 2) {
      this.next++;
      const [key, value] = [
        this.node(definition + 1, repetition + 1, depth + 2),
        this.node(definition + 1, repetition + 1, depth + 2),
      ];
      const base = { name, optional, definition, firstLeaf, endLeaf: this.#leaves };
      return { ...base, kind: 'map', key, value, itemDefinition: definition + 1, itemRepetition: repetition + 1 };
    }
    if (repeats && (isList(element) || isMap(element))) {
      const item = this.#item(definition + 1, repetition + 1, depth + 1);
      const base = { name, optional, definition, firstLeaf, endLeaf: this.#leaves };
      return { ...base, kind: 'list', item, itemDefinition: definition + 1, itemRepetition: repetition + 1 };
    }
    const children: Node[] = [];
    for (let i = 0; i < element.children; i++) children.push(this.node(definition, repetition, depth + 1));
    return { kind: 'struct', name, optional, definition, firstLeaf, endLeaf: this.#leaves, children };
  }

  /** The item of a list: what stands in the repeated group where that has one field, else the group or field itself. */
  #item(definition: number, repetition: number, depth: number): Node {
    const repeated = this.#elements[this.next];
    if (repeated.type === undefined && repeated.children === 1) {
      this.next++;
      return this.node(definition, repetition, depth + 1);
    }
    this.next++;
    return this.#present({ ...repeated, repetition: 'required' }, definition, repetition, depth);
  }
}

function isMap({ logicalType, convertedType }: SchemaElement): boolean {
  return logicalType?.kind === 'map' || convertedType === 'MAP' || convertedType === 'MAP_KEY_VALUE';
}

function isList({ logicalType, convertedType }: SchemaElement): boolean {
  return logicalType?.kind === 'list' || convertedType === 'LIST';
}
