import type { PipelineIndex, PipelineSpec } from '../core/protocol/pipeline.ts';
import { INDEX_KINDS } from '../segment/index-kinds.ts';
import { compilePipeline, pipelineFaults } from './pipeline-spec.ts';
import type { AgedResource } from './resource-store.ts';
import type { Cause } from './status.ts';

/** Names of the index kinds that can be built; a definition of another kind is kept and left out. */
const BUILDABLE: readonly string[] = [...INDEX_KINDS.keys()];

/** What becomes of one pipeline among the pipelines of its namespace. */
export interface PipelineVerdict {
  readonly name: string;
  /** The spec in force; null where the pipeline is not. */
  readonly inForce: PipelineSpec | null;
  /** Faults of its own, found in an object stored by an earlier version of this code. */
  readonly faults: readonly Cause[];
  /** The older pipeline that has the same dataset and prefix. */
  readonly conflictsWith: string | null;
  /** Indexes that are left out, each with its reason. */
  readonly refusedIndexes: readonly {
    readonly name: string;
    readonly reason: 'UnsupportedKind' | 'NameTaken';
    readonly message: string;
  }[];
}

/**
 * Which pipelines of a namespace are in force, and as what. Pure: the same pipelines give the same verdicts.
 * Of two over the same dataset and prefix the oldest wins, and of two indexes of a dataset under one name
 * the oldest pipeline's, so that a new pipeline never changes what an old one does. One that is being
 * deleted is out of force and in nobody's way.
 */
export function admitPipelines(pipelines: readonly AgedResource[]): PipelineVerdict[] {
  const winners = new Map<string, string>();
  const indexes = new Map<string, { pipeline: string; index: PipelineIndex }>();
  return [...pipelines]
    .sort((a, b) => a.createdRevision - b.createdRevision)
    .map(({ object }): PipelineVerdict => {
      const { name } = object.metadata;
      const none = { name, inForce: null, faults: [], conflictsWith: null, refusedIndexes: [] };
      if (object.metadata.deletionTimestamp !== undefined) return none;
      const faults = pipelineFaults(object);
      if (faults.length > 0) return { ...none, faults };
      const spec = compilePipeline(object);
      const place = `${spec.dataset}\0${spec.sourcePrefix}`;
      const winner = winners.get(place);
      if (winner !== undefined) return { ...none, conflictsWith: winner };
      winners.set(place, name);

      const refusedIndexes: PipelineVerdict['refusedIndexes'][number][] = [];
      const accepted = spec.indexes.filter((index) => {
        if (!BUILDABLE.includes(index.kind)) {
          const message = `index "${index.name}": kind ${index.kind} cannot be built yet; ${BUILDABLE.join(' and ')} can`;
          refusedIndexes.push({ name: index.name, reason: 'UnsupportedKind', message });
          return false;
        }
        const taken = indexes.get(`${spec.dataset}\0${index.name}`);
        if (taken !== undefined && !sameIndex(taken.index, index)) {
          const message = `index "${index.name}": pipeline "${taken.pipeline}" has another index of dataset ${spec.dataset} under this name`;
          refusedIndexes.push({ name: index.name, reason: 'NameTaken', message });
          return false;
        }
        indexes.set(`${spec.dataset}\0${index.name}`, { pipeline: name, index });
        return true;
      });
      return { ...none, inForce: { ...spec, indexes: accepted }, refusedIndexes };
    });
}

function sameIndex(a: PipelineIndex, b: PipelineIndex): boolean {
  const text = (index: PipelineIndex) =>
    JSON.stringify([index.kind, index.fields, Object.entries(index.options).sort()]);
  return text(a) === text(b);
}
