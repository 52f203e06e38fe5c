import type { JsonObject, JsonValue } from './json.ts';
import { isJsonObject } from './json.ts';
import { readPath } from './json-path.ts';
import type { KindInfo, PrinterColumn } from './kind-info.ts';
import type { Resource } from './resource.ts';

/** The Kubernetes `Table` of some objects: what `kubectl get` prints. `includeObject` is Object, Metadata (default) or None. */
export function tableOf(
  kind: KindInfo,
  objects: readonly Resource[],
  metadata: JsonObject,
  includeObject: string | undefined,
  nowMs: number,
): JsonObject {
  const columns = [NAME_COLUMN, ...kind.printerColumns];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map((column) => ({
      name: column.name,
      type: column.type,
      format: column === NAME_COLUMN ? 'name' : '',
      description: column.description ?? `Column in JSONPath format: ${column.jsonPath}`,
      priority: column.priority ?? 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => cellOf(column, object, nowMs)),
      object: includeObject === 'None' ? null : includeObject === 'Object' ? object : metadataOf(object),
    })),
  };
}

const NAME_COLUMN: PrinterColumn = {
  name: 'Name',
  type: 'string',
  jsonPath: '.metadata.name',
  description: 'The name of the object, unique among its kind in its namespace',
};

/** An object with nothing but its metadata. */
export function metadataOf(object: Resource): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** A list for clients that want no more than metadata. */
export function metadataListOf(objects: readonly Resource[], metadata: JsonObject): JsonObject {
  return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: objects.map(metadataOf) };
}

function cellOf(column: PrinterColumn, object: Resource, nowMs: number): JsonValue {
  const value = readPath(object, column.jsonPath);
  if (value === undefined || value === null) return column.type === 'date' ? '<unknown>' : null;
  if (column.type === 'date') return ageText(nowMs - Date.parse(String(value)));
  return Array.isArray(value) || isJsonObject(value) ? JSON.stringify(value) : value;
}

/** An age as kubectl writes it: two units while the larger is small, one after. */
function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return withRest(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? withRest(years, 'y', days % 365, 'd') : `${years}y`;
}

function withRest(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
