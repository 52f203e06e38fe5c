import type { BestRows } from './bm25.ts';
import type { DocumentCursor, Saturate } from './cursor.ts';
import type { MaskedRows } from './masked-rows.ts';
import { NO_MORE } from './postings.ts';

/** A group of a query over one segment; `weights[i]` is what `all[i]` counts. */
export interface GroupCursors {
  readonly all: readonly DocumentCursor[];
  readonly weights: readonly number[];
  readonly none: readonly DocumentCursor[];
}

/** A row's score from what its clauses came to; `lengths` by row. */
export interface Ranking {
  readonly lengths: ArrayLike<number>;
  readonly saturate: Saturate;
}

/** Bounds are computed by other roundings than scores; this covers the difference. */
const SLACK = 1 + 1e-9;

export interface Matches {
  readonly rows: Int32Array;
  readonly scores: Float64Array;
}

/** All rows of a group, ascending; scores are 0 without a ranking. */
export function matchGroup(group: GroupCursors, masked: MaskedRows, ranking?: Ranking): Matches {
  let rows = new Int32Array(256);
  let scores = new Float64Array(256);
  let count = 0;
  walkGroup(group, masked, undefined, ranking, (row, score) => {
    if (count === rows.length) {
      const more = new Int32Array(count * 2);
      more.set(rows);
      rows = more;
      const moreScores = new Float64Array(count * 2);
      moreScores.set(scores);
      scores = moreScores;
    }
    rows[count] = row;
    scores[count++] = score;
  });
  return { rows: rows.subarray(0, count), scores: scores.subarray(0, count) };
}

/** The best rows of a group, leaving out blocks that cannot hold one (block-max, Ding and Suel 2011). */
export function bestOfGroup(group: GroupCursors, masked: MaskedRows, ranking: Ranking, best: BestRows): void {
  walkGroup(group, masked, best, ranking, (row, score) => best.offer(row, score));
}

/** Rows in every list of `all` and in none of `none`: the rarest list leads, the others follow. */
function walkGroup(
  { all, weights, none }: GroupCursors,
  masked: MaskedRows,
  best: BestRows | undefined,
  ranking: Ranking | undefined,
  take: (row: number, score: number) => void,
): void {
  const cursors = [...all].sort((a, b) => a.size - b.size);
  const weightOf = new Map(all.map((cursor, i) => [cursor, weights[i]]));
  const [lead, ...others] = cursors;
  // What the others add at most, up to `boundedUntil`, as computed under `boundedBy`.
  let othersBound = 0;
  let boundedUntil = -1;
  let boundedBy = Number.NaN;
  next: while (lead.document !== NO_MORE) {
    const row = lead.document;
    if (best !== undefined && ranking !== undefined) {
      if (row > boundedUntil || best.threshold !== boundedBy) {
        const leadBound = (weightOf.get(lead) ?? 0) * lead.boundAt(row, ranking.saturate);
        boundedUntil = lead.stretchEnd;
        othersBound = 0;
        for (const cursor of others) {
          othersBound += (weightOf.get(cursor) ?? 0) * cursor.boundAt(row, ranking.saturate);
          if (cursor.stretchEnd < boundedUntil) boundedUntil = cursor.stretchEnd;
        }
        if ((leadBound + othersBound) * SLACK <= best.threshold) {
          if (boundedUntil === NO_MORE) return;
          lead.seek(boundedUntil + 1);
          continue;
        }
        boundedBy = best.threshold;
      }
      const own = (weightOf.get(lead) ?? 0) * ranking.saturate(lead.times(), ranking.lengths[row]);
      if ((own + othersBound) * SLACK <= best.threshold) {
        lead.next();
        continue;
      }
    }
    for (const cursor of others) {
      cursor.seek(row);
      if (cursor.document !== row) {
        if (cursor.document === NO_MORE) return;
        lead.seek(cursor.document);
        continue next;
      }
    }
    if (!masked.has(row) && !isIn(none, row))
      take(row, ranking === undefined ? 0 : scoreOf(all, weights, row, ranking));
    lead.next();
  }
}

function isIn(lists: readonly DocumentCursor[], row: number): boolean {
  for (const list of lists) {
    list.seek(row);
    if (list.document === row) return true;
  }
  return false;
}

function scoreOf(all: readonly DocumentCursor[], weights: readonly number[], row: number, ranking: Ranking): number {
  const length = ranking.lengths[row];
  let score = 0;
  for (let i = 0; i < all.length; i++) {
    if (all[i].document === row) score += weights[i] * ranking.saturate(all[i].times(), length);
  }
  return score;
}

/**
 * The best rows of a union of single lists. Lists that together cannot reach the threshold only add to rows
 * that others found (MaxScore, Turtle and Flood 1995), and stretches that cannot reach it are left out.
 */
export function bestOfUnion(
  lists: readonly DocumentCursor[],
  weights: readonly number[],
  masked: MaskedRows,
  ranking: Ranking,
  best: BestRows,
): void {
  const { saturate } = ranking;
  const bounds = lists.map((list, i) => weights[i] * list.bound(saturate) * SLACK);
  const order = lists.map((_, i) => i).sort((a, b) => bounds[a] - bounds[b]);
  // reach[i]: what the lists up to order[i] score at most together.
  const reach: number[] = [];
  for (const i of order) reach.push((reach.at(-1) ?? 0) + bounds[i]);
  let essential = 0;
  // What the essential lists add at most in a row from the window's start to `windowEnd`.
  let windowBound = 0;
  let windowEnd = -1;
  for (;;) {
    while (essential < order.length && reach[essential] <= best.threshold) {
      essential++;
      windowEnd = -1;
    }
    if (essential === order.length) return;
    const below = essential === 0 ? 0 : reach[essential - 1];
    let row = NO_MORE;
    for (let i = essential; i < order.length; i++) {
      const { document } = lists[order[i]];
      if (document < row) row = document;
    }
    if (row === NO_MORE) return;
    if (row > windowEnd) {
      windowBound = 0;
      windowEnd = NO_MORE;
      for (let i = essential; i < order.length; i++) {
        const list = lists[order[i]];
        windowBound += weights[order[i]] * list.boundAt(row, saturate) * SLACK;
        if (list.stretchEnd < windowEnd) windowEnd = list.stretchEnd;
      }
    }
    if (below + windowBound <= best.threshold) {
      if (windowEnd === NO_MORE) return;
      for (let i = essential; i < order.length; i++) lists[order[i]].seek(windowEnd + 1);
      continue;
    }
    let partial = below;
    const length = ranking.lengths[row];
    for (let i = essential; i < order.length; i++) {
      const list = lists[order[i]];
      if (list.document === row) partial += weights[order[i]] * saturate(list.times(), length) * SLACK;
    }
    if (partial > best.threshold && !masked.has(row)) {
      for (let i = 0; i < essential; i++) lists[order[i]].seek(row);
      best.offer(row, scoreOf(lists, weights, row, ranking));
    }
    for (let i = essential; i < order.length; i++) {
      const list = lists[order[i]];
      if (list.document === row) list.next();
    }
  }
}

/** The union of groups' rows, scores added. */
export function uniteMatches(groups: readonly Matches[]): Matches {
  return groups.reduce(uniteTwo, { rows: new Int32Array(0), scores: new Float64Array(0) });
}

function uniteTwo(a: Matches, b: Matches): Matches {
  const rows = new Int32Array(a.rows.length + b.rows.length);
  const scores = new Float64Array(rows.length);
  let count = 0;
  let i = 0;
  let j = 0;
  while (i < a.rows.length || j < b.rows.length) {
    const left = i < a.rows.length ? a.rows[i] : NO_MORE;
    const right = j < b.rows.length ? b.rows[j] : NO_MORE;
    rows[count] = Math.min(left, right);
    scores[count++] = (left <= right ? a.scores[i] : 0) + (right <= left ? b.scores[j] : 0);
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return { rows: rows.subarray(0, count), scores: scores.subarray(0, count) };
}
