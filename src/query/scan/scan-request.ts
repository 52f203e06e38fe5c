import type { Schema } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import type { DatasetSnapshot } from '../../storage/catalog-records.ts';
import { columnsOf, type Expression } from '../expression.ts';
import type { ScanPlan } from '../plan.ts';
import type { Threshold } from './threshold.ts';

/** A scan with the names of the columns it touches. */
export interface ScanRequest {
  readonly snapshot: DatasetSnapshot;
  /** The dataset's schema, which the filter's ordinals refer to. */
  readonly dataset: Schema;
  /** What has to hold of every row put out: all of these. */
  readonly conditions: readonly Expression[];
  /** Columns put out, in order. */
  readonly output: readonly string[];
  readonly matches: ScanPlan['matches'];
  /** Which of `matches` is scored, or null. */
  readonly score: number | null;
  /** A bound that moves while the scan runs: rows beyond it are no longer wanted. */
  readonly threshold?: Threshold;
}

export function scanRequest(plan: ScanPlan, snapshot: DatasetSnapshot): ScanRequest {
  return {
    snapshot,
    dataset: snapshot.schema,
    conditions: plan.filter === null ? [] : conjuncts(plan.filter),
    output: plan.columns.map((ordinal) => columnName(snapshot, ordinal)),
    matches: plan.matches,
    score: plan.score,
  };
}

/** The parts of a conjunction. */
function conjuncts(filter: Expression): readonly Expression[] {
  return filter.node === 'and' ? filter.args.flatMap(conjuncts) : [filter];
}

export function columnName(snapshot: DatasetSnapshot, ordinal: number): string {
  assert(ordinal < snapshot.schema.length, `dataset ${snapshot.name} has a column ${ordinal}`);
  return snapshot.schema[ordinal].name;
}

/** The columns that conditions read, by ordinal. */
export function columnsRead(conditions: readonly Expression[]): ReadonlySet<number> {
  const ordinals = new Set<number>();
  for (const condition of conditions) columnsOf(condition, ordinals);
  return ordinals;
}
