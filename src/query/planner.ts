import type { Clock } from '../core/clock.ts';
import { assert } from '../core/errors.ts';
import type { DatasetSnapshot } from '../storage/catalog-records.ts';
import { bindStatement } from './bind/bind.ts';
import type { Parameter } from './bind/context.ts';
import type { Planner, PreparedStatement } from './engine.ts';
import type { ParsedStatement, SqlParser } from './parse/parser.ts';

/** A parsed statement with the names it may read from; some may turn out to be common table expressions. */
export interface PreparedSelect extends PreparedStatement {
  readonly statement: ParsedStatement;
}

/** From SQL text to a bound plan, by PostgreSQL's grammar. */
export function createPlanner(parser: SqlParser, clock: Clock): Planner<PreparedSelect> {
  return {
    prepare(sql) {
      const statement = parser.parse(sql);
      return { statement, datasets: [...tableNames(statement.select)] };
    },
    bind({ statement }, params, datasets: ReadonlyMap<string, DatasetSnapshot>) {
      return bindStatement(statement, {
        dataset: (name) => datasets.get(name)?.schema,
        parameters: params.map(parameterOf),
        nowMicros: BigInt(clock.now()) * 1000n,
      });
    },
  };
}

/** The names in every FROM clause of a statement, however deep. */
function tableNames(node: unknown, into: Set<string> = new Set()): Set<string> {
  if (Array.isArray(node)) {
    for (const item of node) tableNames(item, into);
  } else if (typeof node === 'object' && node !== null) {
    for (const [key, field] of Object.entries(node)) {
      const name = key === 'RangeVar' ? (field as { relname?: unknown }).relname : undefined;
      if (typeof name === 'string') into.add(name);
      tableNames(field, into);
    }
  }
  return into;
}

function parameterOf(value: unknown): Parameter {
  assert(
    value === null || ['boolean', 'number', 'bigint', 'string'].includes(typeof value),
    'the door lets scalars through alone',
  );
  return value as Parameter;
}
