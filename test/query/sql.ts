import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch, Scalar } from '../../src/columns/column.ts';
import type { Schema } from '../../src/columns/types.ts';
import { bindStatement } from '../../src/query/bind/bind.ts';
import type { Parameter } from '../../src/query/bind/context.ts';
import type { QueryContext } from '../../src/query/context.ts';
import { execute, type Runtime } from '../../src/query/execute.ts';
import { createFallback } from '../../src/query/fallback/run.ts';
import { createParser } from '../../src/query/parse/parser.ts';
import type { Plan } from '../../src/query/plan.ts';
import { newContext, rowsOf, World } from './world.ts';

const root = join(import.meta.dirname, '../..');

/** Node compiles at run time; the Worker's types, which tests share, say that nobody does. */
const Compiled = WebAssembly.Module as unknown as new (bytes: Uint8Array) => WebAssembly.Module;

export function compiled(path: string): WebAssembly.Module {
  return new Compiled(readFileSync(join(root, path)));
}

/** PostgreSQL's parser, compiled once a process. */
export const parser = createParser(compiled('src/query/parse/pg-parser.wasm'));

export const runFallback = createFallback(compiled('node_modules/wa-sqlite/dist/wa-sqlite.wasm'));

/** 2024-06-15 12:34:56 UTC, the `now()` of tests. */
export const NOW_MICROS = 1_718_454_896_000_000n;

export function plan(
  sql: string,
  schemas: Readonly<Record<string, Schema>>,
  parameters: readonly Parameter[] = [],
  fallbackOnly = false,
): Plan {
  return bindStatement(parser.parse(sql), {
    dataset: (name) => (Object.hasOwn(schemas, name) ? schemas[name] : undefined),
    parameters,
    nowMicros: NOW_MICROS,
    fallbackOnly,
  });
}

export interface SqlAnswer {
  readonly schema: Schema;
  readonly rows: readonly (readonly Scalar[])[];
}

/** SQL over tables in memory: parsed, bound, run on segments. */
export class SqlWorld {
  readonly world = new World();
  /** Everything but scans goes to SQLite. */
  fallbackOnly = false;

  async add(name: string, batches: readonly Batch[]): Promise<void> {
    await this.world.add(name, batches);
  }

  plan(sql: string, parameters: readonly Parameter[] = []): Plan {
    const schemas = Object.fromEntries([...this.world.snapshots].map(([name, { schema }]) => [name, schema]));
    return plan(sql, schemas, parameters, this.fallbackOnly);
  }

  runtime(context: QueryContext = newContext()): Runtime {
    return {
      ...this.world.runtime(context),
      fallback: (node, inputs) => runFallback(node, inputs, context),
    };
  }

  async run(sql: string, parameters: readonly Parameter[] = [], context?: QueryContext): Promise<SqlAnswer> {
    const bound = this.plan(sql, parameters);
    return { schema: bound.schema, rows: await rowsOf(execute(bound, this.runtime(context))) };
  }
}
