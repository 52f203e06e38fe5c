import * as z from 'zod';
import { typeName } from '../columns/types.ts';
import { OrasiError } from '../core/errors.ts';
import type { DatasetIndex, DatasetRecord } from '../storage/catalog-records.ts';
import type { Datasets } from '../storage/datasets.ts';
import { pageQuery, pageResponse, pageSchema } from './paging.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const Dataset = z.object({
  name: z.string(),
  columns: z.array(z.object({ name: z.string(), type: z.string(), nullable: z.boolean() })),
  rows: z.number(),
  segments: z.number(),
  sizeBytes: z.number(),
  schemaVersion: z.number(),
  createdAt: z.iso.datetime(),
  indexes: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      fields: z.array(z.string()),
      state: z.enum(['building', 'ready', 'failing']),
      segmentsIndexed: z.number(),
    }),
  ),
});

/** `/v1/namespaces/{ns}/datasets`: what is there, and the end of it. */
export function mountDatasets(app: ApiApp, base: ApiBase, datasets: Datasets): void {
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/datasets',
      access: { verb: 'list', resource: 'datasets' },
      tag: 'data',
      summary: 'The datasets of a namespace, by name.',
      query: z.object(pageQuery),
      responses: { 200: { description: 'A page of datasets.', schema: pageSchema(Dataset) } },
    },
    async ({ params, query }) =>
      pageResponse(await datasets.list(await base.namespaceUid(params.ns), query.limit, query.cursor), datasetView),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/datasets/{dataset}',
      access: { verb: 'get', resource: 'datasets' },
      tag: 'data',
      summary: 'One dataset: its columns, rows, segments and indexes.',
      responses: { 200: { description: 'The dataset.', schema: Dataset } },
    },
    async ({ params }) => {
      const dataset = await datasets.get(await base.namespaceUid(params.ns), params.dataset);
      if (dataset === null) throw missingDataset(params.dataset);
      return Response.json(datasetView(dataset));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: '/v1/namespaces/{ns}/datasets/{dataset}',
      access: { verb: 'delete', resource: 'datasets' },
      tag: 'data',
      summary: 'Deletes a dataset for good: no sweep brings it back.',
      responses: { 204: { description: 'Its rows are in no answer any more.' } },
    },
    async ({ params }) => {
      if (!(await datasets.delete(await base.namespaceUid(params.ns), params.dataset)))
        throw missingDataset(params.dataset);
      return new Response(null, { status: 204 });
    },
  );
}

function missingDataset(name: string): OrasiError {
  return new OrasiError('not_found', `there is no dataset "${name}"`);
}

function datasetView(dataset: DatasetRecord): z.input<typeof Dataset> {
  return {
    name: dataset.name,
    columns: dataset.schema.map(({ name, type, nullable }) => ({ name, type: typeName(type), nullable })),
    rows: dataset.rows,
    segments: dataset.segments,
    sizeBytes: dataset.sizeBytes,
    schemaVersion: dataset.schemaVersion,
    createdAt: new Date(dataset.createdAtMs).toISOString(),
    indexes: dataset.indexes.map((index) => ({
      name: index.definition.name,
      kind: index.definition.kind,
      fields: [...index.definition.fields],
      state: indexState(index, dataset.segments),
      segmentsIndexed: index.segmentsIndexed,
    })),
  };
}

function indexState(index: DatasetIndex, segments: number): 'building' | 'ready' | 'failing' {
  if (index.segmentsIndexed >= segments) return 'ready';
  return index.segmentsFailed > 0 ? 'failing' : 'building';
}
