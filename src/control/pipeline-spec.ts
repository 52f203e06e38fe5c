import { parseScalar } from '../columns/text.ts';
import { parseTypeName } from '../columns/types.ts';
import type { PipelineColumn, PipelineIndex, PipelineSpec } from '../core/protocol/pipeline.ts';
import { formatNamed } from '../formats/registry.ts';
import { INDEX_KINDS } from '../segment/index-kinds.ts';
import { type JsonObject, type JsonValue, objectIn, objectsIn, textsIn } from './json.ts';
import type { Resource } from './resource.ts';
import { type Cause, duplicate, invalidValue } from './status.ts';

/** The spec of a validated `Pipeline`, as the data path reads it. */
export function compilePipeline(pipeline: Resource): PipelineSpec {
  const spec = objectIn(pipeline.spec);
  return {
    dataset: String(spec.dataset),
    sourcePrefix: String(spec.sourcePrefix ?? ''),
    format: typeof spec.format === 'string' ? spec.format : null,
    formatOptions: scalarsIn(spec.formatOptions),
    schema: objectsIn(spec.schema).map(columnOf),
    additionalColumns: spec.additionalColumns !== false,
    sortKey: textsIn(spec.sortKey),
    versions: spec.versions === 'replace' ? 'replace' : 'append',
    indexes: objectsIn(spec.indexes).map(indexOf),
  };
}

/** Faults of a pipeline that its schema cannot express: relations between its parts. */
export function pipelineFaults(pipeline: Resource): Cause[] {
  const spec = objectIn(pipeline.spec);
  const causes = [...scalarFaults(spec.formatOptions, 'spec.formatOptions')];
  for (const [i, index] of objectsIn(spec.indexes).entries())
    causes.push(...scalarFaults(index.options, `spec.indexes[${i}].options`));
  const compiled = compilePipeline(pipeline);
  const declared = new Set(compiled.schema.map((column) => column.name));
  const known = (column: string, path: string): Cause[] =>
    compiled.additionalColumns || declared.has(column)
      ? []
      : [invalidValue(path, column, 'must be a column of spec.schema, since spec.additionalColumns is false')];

  causes.push(...optionFaults(compiled));
  for (const [i, column] of compiled.schema.entries()) causes.push(...columnFaults(column, `spec.schema[${i}]`));
  for (const [i, column] of compiled.sortKey.entries()) {
    causes.push(...known(column, `spec.sortKey[${i}]`));
    if (compiled.sortKey.indexOf(column) < i) causes.push(duplicate(`spec.sortKey[${i}]`, column));
  }
  for (const [i, index] of compiled.indexes.entries()) {
    causes.push(...indexFaults(index, compiled.schema, `spec.indexes[${i}]`));
    for (const [j, field] of index.fields.entries()) {
      causes.push(...known(field, `spec.indexes[${i}].fields[${j}]`));
      if (index.fields.indexOf(field) < j) causes.push(duplicate(`spec.indexes[${i}].fields[${j}]`, field));
    }
  }
  return causes;
}

/** Faults that the kind of an index finds in it; where its columns are not declared, a build reports them later. */
function indexFaults(index: PipelineIndex, columns: readonly PipelineColumn[], path: string): Cause[] {
  const kind = [...INDEX_KINDS.values()].find(({ name }) => name === index.kind);
  const schema = columns.flatMap(({ name, type }) => {
    const parsed = parseTypeName(type);
    return parsed === undefined ? [] : [{ name, type: parsed, nullable: true }];
  });
  return (kind?.check({ ...index, kind: kind.name }, schema) ?? []).map((fault) =>
    invalidValue(
      `${path}.${fault.path}`,
      fault.path.startsWith('fields') ? index.fields : index.options,
      fault.message,
    ),
  );
}

function columnFaults(column: PipelineColumn, path: string): Cause[] {
  const decimal = /^decimal\((\d+), ?(\d+)\)$/.exec(column.type);
  if (decimal && Number(decimal[2]) > Number(decimal[1])) {
    return [invalidValue(`${path}.type`, column.type, 'the scale of a decimal is at most its precision')];
  }
  const type = parseTypeName(column.type);
  if (column.default === null || type === undefined) return [];
  return parseScalar(column.default, type) === undefined
    ? [invalidValue(`${path}.default`, column.default, `must be a value of type ${column.type}`)]
    : [];
}

/** Faults the format finds in its options; where the format is detected later, the decode reports them. */
function optionFaults(spec: PipelineSpec): Cause[] {
  const format = spec.format === null ? undefined : formatNamed(spec.format);
  return (format?.checkOptions(spec.formatOptions) ?? []).map(({ path, message }) =>
    invalidValue(`spec.formatOptions.${path}`, spec.formatOptions[path] ?? null, message),
  );
}

function scalarFaults(value: JsonValue | undefined, path: string): Cause[] {
  return Object.entries(objectIn(value)).flatMap(([name, option]) =>
    isScalar(option) ? [] : [invalidValue(`${path}.${name}`, option, 'must be a string, a number or a boolean')],
  );
}

function columnOf(column: JsonObject): PipelineColumn {
  return {
    name: String(column.name),
    type: String(column.type),
    required: column.required === true,
    default: typeof column.default === 'string' ? column.default : null,
  };
}

function indexOf(index: JsonObject): PipelineIndex {
  return {
    name: String(index.name),
    kind: String(index.kind),
    fields: textsIn(index.fields),
    options: scalarsIn(index.options),
  };
}

function isScalar(value: JsonValue): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function scalarsIn(value: JsonValue | undefined): Record<string, string | number | boolean> {
  const scalars: Record<string, string | number | boolean> = {};
  for (const [name, option] of Object.entries(objectIn(value))) if (isScalar(option)) scalars[name] = option;
  return scalars;
}
