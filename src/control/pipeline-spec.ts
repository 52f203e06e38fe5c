import type { PipelineColumn, PipelineIndex, PipelineSpec } from '../core/protocol/pipeline.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
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

  for (const [i, column] of compiled.schema.entries()) causes.push(...columnFaults(column, `spec.schema[${i}]`));
  for (const [i, column] of compiled.sortKey.entries()) {
    causes.push(...known(column, `spec.sortKey[${i}]`));
    if (compiled.sortKey.indexOf(column) < i) causes.push(duplicate(`spec.sortKey[${i}]`, column));
  }
  for (const [i, index] of compiled.indexes.entries()) {
    for (const [j, field] of index.fields.entries()) {
      causes.push(...known(field, `spec.indexes[${i}].fields[${j}]`));
      if (index.fields.indexOf(field) < j) causes.push(duplicate(`spec.indexes[${i}].fields[${j}]`, field));
    }
  }
  return causes;
}

function columnFaults(column: PipelineColumn, path: string): Cause[] {
  const decimal = /^decimal\((\d+), ?(\d+)\)$/.exec(column.type);
  if (decimal && Number(decimal[2]) > Number(decimal[1])) {
    return [invalidValue(`${path}.type`, column.type, 'the scale of a decimal is at most its precision')];
  }
  if (column.default === null) return [];
  const expected = DEFAULT_FORMS[decimal ? 'decimal' : column.type];
  if (expected === undefined || expected.fits(column.default)) return [];
  return [invalidValue(`${path}.default`, column.default, `must be ${expected.form}`)];
}

/** How the default of a column is written, by type; a type that is not here takes any text. */
const DEFAULT_FORMS: Readonly<Record<string, { form: string; fits(text: string): boolean }>> = {
  bool: { form: 'true or false', fits: (text) => text === 'true' || text === 'false' },
  int64: {
    form: 'an integer of 64 bits',
    fits: (text) => /^[+-]?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text),
  },
  double: { form: 'a number', fits: (text) => text.trim() !== '' && Number.isFinite(Number(text)) },
  decimal: { form: 'a decimal number', fits: (text) => /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(text) },
  date: {
    form: 'a date as 2026-01-31',
    fits: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)),
  },
  timestamp: { form: 'a time as RFC 3339 has it', fits: isTime },
  timestamp_ns: { form: 'a time as RFC 3339 has it', fits: isTime },
  json: { form: 'JSON', fits: isJson },
};

function isTime(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?$/.test(text) &&
    !Number.isNaN(Date.parse(text))
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
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

function objectIn(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function textsIn(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
