/**
 * Compiles every kind under src/control/kinds/ to its structural schema under generated/: `node scripts/build-kinds.ts`.
 * A test fails where a generated file is not what this would write.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as z from 'zod';
import type { KindDeclaration } from '../src/control/declaration.ts';
import type { StructuralSchema } from '../src/control/structural-schema.ts';

const KINDS = join(import.meta.dirname, '../src/control/kinds');

/** Keywords a structural schema may have; anything else zod writes is refused, so that nothing is lost in silence. */
const KEYWORDS = new Set([
  'type',
  'description',
  'format',
  'nullable',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
  'properties',
  'additionalProperties',
  'items',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
]);

/** A zod schema as a structural OpenAPI v3 schema; throws where it says something such a schema cannot. */
function compileSchema(schema: z.ZodType): StructuralSchema {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    unrepresentable: 'throw',
    reused: 'inline',
  });
  return structural(json as Record<string, unknown>, '') as StructuralSchema;
}

function structural(node: Record<string, unknown>, path: string): Record<string, unknown> {
  const preserves = node['x-kubernetes-preserve-unknown-fields'] === true;
  const out: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(node)) {
    if (keyword === '$schema' || keyword === 'propertyNames') continue;
    if (!KEYWORDS.has(keyword))
      throw new Error(`${path || '(root)'}: "${keyword}" has no place in a structural schema`);
    if (keyword === 'properties') {
      const members = Object.entries(value as Record<string, Record<string, unknown>>);
      if (members.length > 0)
        out.properties = Object.fromEntries(
          members.map(([name, child]) => [name, structural(child, `${path}.${name}`)]),
        );
    } else if (keyword === 'items') {
      out.items = structural(value as Record<string, unknown>, `${path}[]`);
    } else if (keyword === 'additionalProperties') {
      // `false` is what pruning does anyway, and what "preserve" keeps has no schema.
      if (value !== false && !preserves)
        out.additionalProperties = structural(value as Record<string, unknown>, `${path}{}`);
    } else if (!isSafeIntegerBound(node, keyword, value)) {
      out[keyword] = value;
    }
  }
  if (out.type === undefined && !preserves && out['x-kubernetes-int-or-string'] !== true)
    throw new Error(`${path || '(root)'}: has no type`);
  return out;
}

/** zod writes ±(2^53 - 1) as bounds of every integer; the interpreter holds integers to them anyway. */
function isSafeIntegerBound(node: Record<string, unknown>, keyword: string, value: unknown): boolean {
  if (node.type !== 'integer') return false;
  return (
    (keyword === 'minimum' && value === Number.MIN_SAFE_INTEGER) ||
    (keyword === 'maximum' && value === Number.MAX_SAFE_INTEGER)
  );
}

/** Every kind's file name and the schema its generated file should hold. */
export async function compileAll(): Promise<{ name: string; schema: StructuralSchema }[]> {
  const names = readdirSync(KINDS)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => basename(file, '.ts'))
    .sort();
  const compiled = [];
  for (const name of names) {
    const module = (await import(join(KINDS, `${name}.ts`))) as Record<string, KindDeclaration>;
    const declaration = module[`${name}Kind`];
    if (declaration === undefined) throw new Error(`src/control/kinds/${name}.ts does not export ${name}Kind`);
    compiled.push({ name, schema: compileSchema(declaration.schema()) });
  }
  return compiled;
}

/** Writes the generated files in the formatter's own form. */
async function writeAll(): Promise<void> {
  for (const { name, schema } of await compileAll()) {
    const text = [
      `// Written by scripts/build-kinds.ts from ../${name}.ts; change that and run the script.`,
      "import type { StructuralSchema } from '../../structural-schema.ts';",
      '',
      `export const ${name}Schema: StructuralSchema = ${JSON.stringify(schema)};`,
      '',
    ];
    writeFileSync(join(KINDS, 'generated', `${name}.ts`), text.join('\n'));
  }
  const biome = join(import.meta.dirname, '../node_modules/.bin/biome');
  execFileSync(biome, ['format', '--write', join(KINDS, 'generated')], { stdio: 'inherit' });
}

if (import.meta.main) await writeAll();
