import { typeName } from '../columns/types.ts';
import { countRows } from '../segment/read-plan.ts';
import type { Expression } from './expression.ts';
import type { AggregateCall, Plan, ScanPlan, SortKey } from './plan.ts';
import { candidates, costOf, opinionOf, scanCost } from './scan/index-choice.ts';
import type { RowRanges } from './scan/row-selection.ts';
import type { ScanSource } from './scan/scan.ts';
import { scanRequest } from './scan/scan-request.ts';
import { mayHoldRows, rowsToRead } from './scan/segment-rows.ts';

/** One operator of a plan, for people and tools to read. */
export interface ExplainNode {
  readonly operator: string;
  /** What the operator does, by name: keys, condition, columns, … */
  readonly details: Readonly<Record<string, unknown>>;
  readonly inputs: readonly ExplainNode[];
}

/** What a scan will read, by the statistics and page indexes alone. */
export interface ScanEstimate {
  readonly rows: number;
  readonly segmentsTotal: number;
  readonly segmentsPruned: number;
  readonly rowGroupsTotal: number;
  readonly rowGroupsPruned: number;
  /** Rows left when pruning is done, before any condition is held. */
  readonly rowsToRead: number;
  readonly reads: number;
  readonly bytes: number;
}

/** An index that was thought of, and what came of it. */
export interface IndexConsidered {
  readonly name: string;
  readonly kind: string;
  readonly segmentsBuilt: number;
  readonly segmentsUsed: number;
  readonly estimatedRows: number;
  readonly why: string;
}

/** The plan as a tree. Reads footers and index directories, no rows. */
export async function explainPlan(plan: Plan, source: ScanSource): Promise<ExplainNode> {
  const inputs: ExplainNode[] = [];
  for (const input of inputsOf(plan)) inputs.push(await explainPlan(input, source));
  return { operator: plan.op, details: await detailsOf(plan, source), inputs };
}

function inputsOf(plan: Plan): readonly Plan[] {
  switch (plan.op) {
    case 'scan':
    case 'values':
      return [];
    case 'join':
      return [plan.left, plan.right];
    case 'union':
    case 'fallback':
      return plan.inputs;
    default:
      return [plan.input];
  }
}

async function detailsOf(plan: Plan, source: ScanSource): Promise<ExplainNode['details']> {
  const columns = plan.schema.map(({ name, type }) => `${name} ${typeName(type)}`);
  switch (plan.op) {
    case 'scan':
      return await scanDetails(plan, source);
    case 'values':
      return { columns, rows: plan.rows.length };
    case 'filter':
      return { condition: expressionText(plan.predicate, namesOf(plan.input)) };
    case 'project':
      return {
        columns,
        expressions: plan.expressions.map((expression) => expressionText(expression, namesOf(plan.input))),
      };
    case 'aggregate':
      return {
        columns,
        keys: plan.keys.map((key) => expressionText(key, namesOf(plan.input))),
        aggregates: plan.aggregates.map((call) => aggregateText(call, namesOf(plan.input))),
      };
    case 'join': {
      const [left, right] = [namesOf(plan.left), namesOf(plan.right)];
      return {
        kind: plan.kind,
        on: plan.on.map((pair) => `${expressionText(pair.left, left)} = ${expressionText(pair.right, right)}`),
        residual: plan.residual === null ? null : expressionText(plan.residual, [...left, ...right]),
      };
    }
    case 'sort':
      return {
        keys: plan.keys.map((key) => keyText(key, namesOf(plan.input))),
        limit: plan.limit,
        offset: plan.offset,
      };
    case 'limit':
      return { limit: plan.limit, offset: plan.offset };
    case 'distinct':
    case 'union':
      return { columns };
    case 'fallback':
      return { columns, reason: plan.reason, sql: plan.sql };
  }
}

function namesOf(plan: Plan): readonly string[] {
  return plan.schema.map(({ name }) => name);
}

async function scanDetails(plan: ScanPlan, source: ScanSource): Promise<ExplainNode['details']> {
  const snapshot = source.snapshot(plan.dataset);
  const names = snapshot.schema.map(({ name }) => name);
  return {
    dataset: plan.dataset,
    columns: plan.columns.map((ordinal) => names[ordinal]),
    condition: plan.filter === null ? null : expressionText(plan.filter, names),
    matches: plan.matches.map(({ column, query }, i) => ({ column: names[column], query, scored: i === plan.score })),
    ...(await estimateScan(plan, source)),
  };
}

async function estimateScan(
  plan: ScanPlan,
  source: ScanSource,
): Promise<{ estimate: ScanEstimate; indexes: readonly IndexConsidered[] }> {
  const snapshot = source.snapshot(plan.dataset);
  const request = scanRequest(plan, snapshot);
  const estimate = {
    rows: 0,
    segmentsTotal: snapshot.segments.length,
    segmentsPruned: 0,
    rowGroupsTotal: 0,
    rowGroupsPruned: 0,
    rowsToRead: 0,
    reads: 0,
    bytes: 0,
  };
  const tallies = candidates(request).map(({ definition, question }) => ({
    definition,
    question,
    built: 0,
    used: 0,
    rows: 0,
  }));
  for (const segment of snapshot.segments) {
    estimate.rows += segment.rows - countRows(segment.masked);
    if (!mayHoldRows(segment, request)) {
      estimate.segmentsPruned++;
      continue;
    }
    const lease = await source.files.segment(segment);
    const groups = new Map<number, RowRanges>();
    for (let group = 0; group < lease.file.rowGroups.length; group++) {
      const rows = rowsToRead(lease.file, group, request, segment.masked);
      if (rows.length > 0) groups.set(group, rows);
      estimate.rowsToRead += countRows(rows);
    }
    estimate.rowGroupsTotal += lease.file.rowGroups.length;
    estimate.rowGroupsPruned += lease.file.rowGroups.length - groups.size;
    const cost = scanCost(lease.file, groups, request);
    lease.release();
    estimate.reads += cost.reads;
    estimate.bytes += cost.bytes;
    let cheapest = costOf(cost);
    let chosen: (typeof tallies)[number] | undefined;
    for (const tally of tallies) {
      const opinion = await opinionOf(segment, tally.definition, tally.question, cost, source);
      if (opinion === undefined) continue;
      tally.built++;
      tally.rows += opinion.estimate.rows;
      if (opinion.cost >= cheapest) continue;
      cheapest = opinion.cost;
      chosen = tally;
    }
    if (chosen !== undefined) chosen.used++;
  }
  const segments = snapshot.segments.length - estimate.segmentsPruned;
  const considered = tallies.map(({ definition, built, used, rows }): IndexConsidered => {
    const { name, kind } = definition;
    return {
      name,
      kind,
      segmentsBuilt: built,
      segmentsUsed: used,
      estimatedRows: rows,
      why: reasonFor(segments, built, used),
    };
  });
  const others = snapshot.indexes
    .filter((definition) => !tallies.some((tally) => tally.definition === definition))
    .map(({ name, kind, fields }): IndexConsidered => {
      const matched =
        kind === 'fulltext' && plan.matches.some(({ column }) => snapshot.schema[column].name === fields[0]);
      const built = snapshot.segments.filter((segment) => Object.hasOwn(segment.indexes, name)).length;
      return {
        name,
        kind,
        segmentsBuilt: built,
        segmentsUsed: matched ? built : 0,
        estimatedRows: 0,
        why: matched
          ? 'answers MATCH in the segments where it is built'
          : 'no condition of the scan asks what it answers',
      };
    });
  return { estimate, indexes: [...considered, ...others] };
}

function reasonFor(segments: number, built: number, used: number): string {
  if (segments === 0) return 'statistics left no segment';
  if (built === 0) return 'not built in any segment left, or of no help there';
  if (used === 0) return 'reading the rows left by pruning costs less';
  return used === segments
    ? 'cheaper than reading the rows left by pruning'
    : `cheaper in ${used} of ${segments} segments`;
}

function keyText({ expression, descending, nullsFirst }: SortKey, names: readonly string[]): string {
  const direction = descending ? ' desc' : '';
  return `${expressionText(expression, names)}${direction}${nullsFirst ? ' nulls first' : ''}`;
}

function aggregateText(call: AggregateCall, names: readonly string[]): string {
  const arg = call.arg === null ? '*' : expressionText(call.arg, names);
  const parameters = call.parameters.map((parameter) => `, ${JSON.stringify(parameter)}`).join('');
  const filter = call.filter === null ? '' : ` filter (${expressionText(call.filter, names)})`;
  return `${call.function}(${call.distinct ? 'distinct ' : ''}${arg}${parameters})${filter}`;
}

/** An expression in something like SQL. */
function expressionText(expression: Expression, names: readonly string[]): string {
  const text = (inner: Expression) => expressionText(inner, names);
  switch (expression.node) {
    case 'column':
      return names[expression.index] ?? `#${expression.index}`;
    case 'literal':
      return literalText(expression.value);
    case 'call': {
      const args = expression.args.map(text);
      const infix = args.length === 2 && /^[^a-z]/.test(expression.function);
      return infix ? `(${args.join(` ${expression.function} `)})` : `${expression.function}(${args.join(', ')})`;
    }
    case 'and':
    case 'or':
      return `(${expression.args.map(text).join(` ${expression.node} `)})`;
    case 'case': {
      const branches = expression.branches.map((branch) => ` when ${text(branch.when)} then ${text(branch.then)}`);
      const otherwise = expression.otherwise === null ? '' : ` else ${text(expression.otherwise)}`;
      return `case${branches.join('')}${otherwise} end`;
    }
    case 'cast':
      return `${expression.lenient ? 'try_cast' : 'cast'}(${text(expression.arg)} as ${typeName(expression.type)})`;
    case 'in': {
      const values = [...expression.values.map(literalText), ...(expression.hasNull ? ['null'] : [])];
      const shown = values.length > 10 ? [...values.slice(0, 10), `… ${values.length - 10} more`] : values;
      return `${text(expression.arg)} ${expression.negated ? 'not in' : 'in'} (${shown.join(', ')})`;
    }
  }
}

function literalText(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`;
  return value instanceof Uint8Array ? `<${value.length} bytes>` : String(value);
}
