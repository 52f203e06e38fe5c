import type { MissingIndex } from '../storage/index-catalog.ts';

/** Which files to build in this invocation, and which segments to leave to the next. */
export interface BuildPlan {
  readonly builds: readonly MissingIndex[];
  readonly laterSegmentIds: readonly string[];
}

/**
 * As many files as fit `mostRows`, at least one, in the order given; a segment's files stay together as long as
 * they fit.
 */
export function planBuilds(missing: readonly MissingIndex[], mostRows: number): BuildPlan {
  const builds: MissingIndex[] = [];
  const later = new Set<string>();
  let rows = 0;
  for (const build of missing) {
    rows += build.segment.rows;
    if (builds.length > 0 && rows > mostRows) later.add(build.segment.segmentId);
    else builds.push(build);
  }
  return { builds, laterSegmentIds: [...later] };
}
