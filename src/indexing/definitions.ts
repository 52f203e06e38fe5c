import type { IndexDefinition } from '../columns/index-definition.ts';
import type { FieldError } from '../core/errors.ts';
import type { PipelineIndex, PipelineSnapshot } from '../core/protocol/pipeline.ts';
import type { IndexKinds } from '../segment/index-kinds.ts';

/** What the pipelines of a namespace declare for one dataset. */
export interface DeclaredIndexes {
  /** By name, in order. */
  readonly definitions: readonly IndexDefinition[];
  /** Declarations that cannot be built, with the index's name. */
  readonly refused: readonly { readonly name: string; readonly errors: readonly FieldError[] }[];
}

/**
 * The indexes of a dataset by its pipelines. Of two declarations of a name the first pipeline's holds, as the
 * control plane decides it too; one that its kind refuses is left out.
 */
export function declaredIndexes(snapshot: PipelineSnapshot, dataset: string, kinds: IndexKinds): DeclaredIndexes {
  const definitions = new Map<string, IndexDefinition>();
  const refused: { name: string; errors: FieldError[] }[] = [];
  for (const { spec } of snapshot.pipelines) {
    if (spec.dataset !== dataset) continue;
    for (const index of spec.indexes) {
      if (definitions.has(index.name)) continue;
      const definition = definitionOf(index, kinds);
      if ('errors' in definition) refused.push({ name: index.name, errors: definition.errors });
      else definitions.set(index.name, definition);
    }
  }
  return { definitions: [...definitions.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), refused };
}

function definitionOf(index: PipelineIndex, kinds: IndexKinds): IndexDefinition | { errors: FieldError[] } {
  const kind = [...kinds.values()].find(({ name }) => name === index.kind);
  if (kind === undefined) {
    return { errors: [{ path: 'kind', message: `expected one of ${[...kinds.keys()].join(', ')}` }] };
  }
  const definition = { name: index.name, kind: kind.name, fields: index.fields, options: index.options };
  // Columns are checked where they are met: a pipeline may be declared before there is any data.
  const errors = kind.check(definition, []);
  return errors.length > 0 ? { errors } : definition;
}
