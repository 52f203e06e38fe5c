import { defaultPipeline, type PipelineSnapshot, type PipelineSpec } from '../core/protocol/pipeline.ts';

/** The pipeline of an object: of its dataset's, the one with the longest prefix its name has; else the defaults. */
export function choosePipeline({ pipelines }: PipelineSnapshot, dataset: string, name: string): PipelineSpec {
  return pipelines
    .map(({ spec }) => spec)
    .filter((spec) => spec.dataset === dataset && name.startsWith(spec.sourcePrefix))
    .reduce(
      (best, spec) => (spec.sourcePrefix.length >= best.sourcePrefix.length ? spec : best),
      defaultPipeline(dataset),
    );
}

/** Whether any pipeline declares indexes for a dataset. */
export function declaresIndexes({ pipelines }: PipelineSnapshot, dataset: string): boolean {
  return pipelines.some(({ spec }) => spec.dataset === dataset && spec.indexes.length > 0);
}
