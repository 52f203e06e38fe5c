import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schema } from '../../src/columns/types.ts';
import { bindStatement } from '../../src/query/bind/bind.ts';
import type { Parameter } from '../../src/query/bind/context.ts';
import { createParser } from '../../src/query/parse/parser.ts';
import type { Plan } from '../../src/query/plan.ts';

const root = join(import.meta.dirname, '../..');

/** PostgreSQL's parser, compiled once a process. */
export const parser = createParser(new WebAssembly.Module(readFileSync(join(root, 'src/query/parse/pg-parser.wasm'))));

/** 2024-06-15 12:34:56 UTC, the `now()` of tests. */
export const NOW_MICROS = 1_718_454_896_000_000n;

export function plan(
  sql: string,
  schemas: Readonly<Record<string, Schema>>,
  parameters: readonly Parameter[] = [],
): Plan {
  return bindStatement(parser.parse(sql), {
    dataset: (name) => (Object.hasOwn(schemas, name) ? schemas[name] : undefined),
    parameters,
    nowMicros: NOW_MICROS,
  });
}
