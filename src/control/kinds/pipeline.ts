import * as z from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { conditionedStatus } from '../condition-schema.ts';
import { type Condition, withCondition } from '../conditions.ts';
import type { KindDeclaration } from '../declaration.ts';
import { isJsonObject } from '../json.ts';
import { admitPipelines, type PipelineVerdict } from '../pipeline-admission.ts';
import { pipelineFaults } from '../pipeline-spec.ts';
import { DONE, type Reconciler } from '../reconcile.ts';
import type { Resource, ResourceKey } from '../resource.ts';

const COLUMN_TYPE =
  '^(bool|int64|double|string|bytes|json|date|timestamp|timestamp_ns|decimal\\(([1-9]|[12][0-9]|3[0-8]), ?([0-9]|[12][0-9]|3[0-8])\\))$';

/** Says in a pipeline's status whether it is in force. What is in force does not wait for this: see `pipelines()`. */
const pipelineReconciler: Reconciler = {
  async reconcile({ store, clock }, key) {
    const pipelines = [...store.all(key)];
    const verdict = admitPipelines(pipelines).find((item) => item.name === key.name);
    if (verdict === undefined) return DONE;
    store.edit(key, (object) => {
      const status = isJsonObject(object.status) ? object.status : {};
      let conditions = status.conditions;
      for (const condition of conditionsOf(verdict, object.metadata.generation)) {
        conditions = withCondition(conditions, condition, clock.now());
      }
      object.status = { ...status, observedGeneration: object.metadata.generation, conditions: conditions ?? [] };
    });
    return DONE;
  },

  /** A pipeline that comes, changes or goes may free or take the place of the others of its dataset, old and new. */
  affectedBy(change, store) {
    const { group, resource, namespace } = change.key;
    if (group !== 'orasi.io' || resource !== 'pipelines') return [];
    const datasets = [change.object, change.previous].flatMap((object) => datasetOf(object) ?? []);
    const keys: ResourceKey[] = [];
    for (const { object } of store.all({ group, resource, namespace })) {
      const dataset = datasetOf(object);
      if (dataset !== undefined && datasets.includes(dataset)) keys.push({ ...change.key, name: object.metadata.name });
    }
    return keys;
  },
};

function conditionsOf(verdict: PipelineVerdict, generation: number): Condition[] {
  const at = { observedGeneration: generation };
  const conflicted = verdict.conflictsWith !== null;
  const rival = `pipeline "${verdict.conflictsWith}" is older and has the same dataset and prefix`;
  const accepted: Condition =
    verdict.inForce !== null
      ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the pipeline is in force', ...at }
      : conflicted
        ? { type: 'Accepted', status: 'False', reason: 'Conflicted', message: rival, ...at }
        : { type: 'Accepted', status: 'False', reason: 'Invalid', message: faultText(verdict), ...at };
  const refused = verdict.refusedIndexes;
  return [
    accepted,
    conflicted
      ? { type: 'Conflicted', status: 'True', reason: 'OlderPipeline', message: rival, ...at }
      : {
          type: 'Conflicted',
          status: 'False',
          reason: 'NoConflict',
          message: 'no older pipeline has its dataset and prefix',
          ...at,
        },
    refused.length === 0
      ? { type: 'IndexesAccepted', status: 'True', reason: 'Accepted', message: 'every index is in force', ...at }
      : {
          type: 'IndexesAccepted',
          status: 'False',
          reason: refused[0].reason,
          message: refused.map((index) => index.message).join('; '),
          ...at,
        },
  ];
}

function datasetOf(pipeline: Resource | undefined): string | undefined {
  return isJsonObject(pipeline?.spec) ? String(pipeline.spec.dataset) : undefined;
}

function faultText(verdict: PipelineVerdict): string {
  if (verdict.faults.length === 0) return 'the pipeline is being deleted';
  return verdict.faults.map((fault) => `${fault.field}: ${fault.message}`).join('; ');
}

/** How objects of a dataset are taken in, stored and indexed. `compilePipeline` makes of it what the data path reads. */
export const pipelineKind: KindDeclaration = {
  info: {
    group: 'orasi.io',
    version: 'v1alpha1',
    kind: 'Pipeline',
    plural: 'pipelines',
    singular: 'pipeline',
    shortNames: ['pl'],
    categories: ['all', 'orasi'],
    namespaced: true,
    statusSubresource: true,
    printerColumns: [
      { name: 'Dataset', type: 'string', jsonPath: '.spec.dataset' },
      { name: 'Prefix', type: 'string', jsonPath: '.spec.sourcePrefix', priority: 1 },
      { name: 'Format', type: 'string', jsonPath: '.spec.format' },
      { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
      { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].reason', priority: 1 },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      spec: z.object({
        dataset: z
          .string()
          .regex(/^[a-z][a-z0-9_]{0,62}$/)
          .describe('The dataset the rows go to.'),
        sourcePrefix: z
          .string()
          .max(LIMITS.objectNameBytes)
          .default('')
          .describe('Objects whose name begins with this are taken in by this pipeline; the longest prefix wins.'),
        format: z
          .enum(['json', 'csv', 'parquet', 'arrow'])
          .optional()
          .describe('Detected from content type, name and first bytes where absent.'),
        formatOptions: options().describe('Options of the format: strings, numbers and booleans.'),
        schema: z
          .array(
            z.object({
              name: z.string().min(1).max(255),
              type: z
                .string()
                .regex(new RegExp(COLUMN_TYPE))
                .describe('bool, int64, double, decimal(p,s), string, bytes, json, date, timestamp or timestamp_ns.'),
              required: z.boolean().default(false).describe('A row without a value is quarantined.'),
              default: z
                .string()
                .optional()
                .describe('Taken where the field is absent or null; written as text, in the type of the column.'),
            }),
          )
          .max(LIMITS.columns)
          .default([])
          .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
          .describe('Declared columns: rows that do not fit are quarantined.'),
        additionalColumns: z
          .boolean()
          .default(true)
          .describe(
            'Whether columns that are not declared are inferred and kept; else a row that has one is quarantined.',
          ),
        sortKey: z
          .array(z.string().min(1).max(255))
          .max(8)
          .default([])
          .describe('Columns that segments are sorted by, the first counting most: ranges over it read less.'),
        versions: z
          .enum(['append', 'replace'])
          .default('append')
          .describe('What a new version of an object does with the rows of the old one.'),
        indexes: z
          .array(
            z.object({
              name: z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/),
              kind: z.enum(['btree', 'hash', 'fulltext', 'spatial', 'composite', 'inverted']),
              fields: z.array(z.string().min(1).max(255)).min(1).max(16).meta({ 'x-kubernetes-list-type': 'atomic' }),
              options: options(),
            }),
          )
          .max(64)
          .default([])
          .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
          .describe('Indexes of the dataset; they are built for old segments too.'),
      }),
      status: conditionedStatus(),
    }),
  strategy: { validate: (object) => pipelineFaults(object) },
  reconciler: pipelineReconciler,
};

/** A map with scalar values: which names there are depends on the format or index kind, so the schema leaves them be. */
function options(): z.ZodType {
  return z.looseObject({}).default({}).meta({ 'x-kubernetes-preserve-unknown-fields': true });
}
