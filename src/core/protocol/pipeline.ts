/** A pipeline's declaration as ingestion and indexing read it: the spec of the `Pipeline` kind, defaults filled in. */
export interface PipelineSpec {
  readonly dataset: string;
  /** Objects whose name begins with this are taken in by this pipeline; the longest prefix wins. */
  readonly sourcePrefix: string;
  /** Null: detected from content type, name and first bytes. */
  readonly format: string | null;
  readonly formatOptions: Readonly<Record<string, string | number | boolean>>;
  /** Declared columns; others are inferred when `additionalColumns` is true, else dropped rows' columns are refused. */
  readonly schema: readonly PipelineColumn[];
  readonly additionalColumns: boolean;
  readonly sortKey: readonly string[];
  readonly versions: 'append' | 'replace';
  readonly indexes: readonly PipelineIndex[];
}

export interface PipelineColumn {
  readonly name: string;
  /** As `typeName` writes it. */
  readonly type: string;
  readonly required: boolean;
  /** Text of the default in the column's type, taken where the field is absent or null; null for none. */
  readonly default: string | null;
}

export interface PipelineIndex {
  readonly name: string;
  readonly kind: string;
  readonly fields: readonly string[];
  readonly options: Readonly<Record<string, string | number | boolean>>;
}

/** All pipelines of a namespace at one version, as the control plane publishes them. */
export interface PipelineSnapshot {
  readonly version: number;
  readonly pipelines: readonly { readonly name: string; readonly spec: PipelineSpec }[];
}

/** What a dataset has where no pipeline names it. */
export function defaultPipeline(dataset: string): PipelineSpec {
  return {
    dataset,
    sourcePrefix: '',
    format: null,
    formatOptions: {},
    schema: [],
    additionalColumns: true,
    sortKey: [],
    versions: 'append',
    indexes: [],
  };
}
