import type { Schema } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import { columnsOf, type Expression } from '../expression.ts';
import type { ScanPlan } from '../plan.ts';

/** A scan with the names of the columns it touches. */
export interface ScanRequest {
  readonly dataset: Schema;
  readonly filter: Expression | null;
  /** Columns put out, in order. */
  readonly output: readonly string[];
  /** Columns the filter reads, by their ordinal in the dataset's schema. */
  readonly filterColumns: ReadonlyMap<number, string>;
  readonly schema: Schema;
}

export function scanRequest(plan: ScanPlan, dataset: Schema): ScanRequest {
  const nameOf = (ordinal: number) => {
    assert(ordinal < dataset.length, `column ${ordinal} is in dataset ${plan.dataset}`);
    return dataset[ordinal].name;
  };
  const read = plan.filter === null ? [] : [...columnsOf(plan.filter)];
  return {
    dataset,
    filter: plan.filter,
    output: plan.columns.map(nameOf),
    filterColumns: new Map(read.map((ordinal) => [ordinal, nameOf(ordinal)])),
    schema: plan.schema,
  };
}
