import * as z from 'zod';
import { type FieldError, OrasiError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** The task types that the platform's own workers run, in any queue; all others are the agents'. */
export const BUILT_IN_TYPES = ['Ingestion', 'Indexing', 'Processing', 'Query', 'Maintenance'] as const;
export type BuiltInType = (typeof BUILT_IN_TYPES)[number];

export function isBuiltInType(type: string): type is BuiltInType {
  return (BUILT_IN_TYPES as readonly string[]).includes(type);
}

/** What the platform's workers call themselves where agents are named. */
export const PLATFORM_AGENT = 'platform';

/** How the rows of a `Query` are written. Only `json` is kept with the task, where it is small. */
export const RESULT_FORMATS = ['json', 'ndjson', 'csv', 'arrow'] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** Datasets that one maintenance task may name. */
const DATASETS = 100;
/** Rows that one `Ingestion` may carry in itself; its payload is bounded as any task's. */
const RECORDS = 10_000;

const dataset = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'expected the name of a dataset: [a-z][a-z0-9_]{0,62}');
const objectName = z
  .string()
  .min(1)
  .refine((name) => new TextEncoder().encode(name).length <= LIMITS.objectNameBytes, {
    message: `expected at most ${LIMITS.objectNameBytes} bytes`,
  })
  .refine((name) => !name.endsWith('/'), { message: 'expected a name that does not end in "/"' })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  .refine((name) => !/[\u0000-\u001f\u007f]/.test(name) && name.isWellFormed(), {
    message: 'expected no control characters',
  });
const datasets = z.array(dataset).min(1).max(DATASETS).optional().describe('All of the namespace where absent.');

const isExact = (value: number) => !Number.isInteger(value) || Number.isSafeInteger(value);
const statement = {
  sql: z.string().min(1).max(LIMITS.sqlTextChars),
  params: z
    .array(
      z.union([
        z.string(),
        z.number().refine(isExact, 'expected a string: a number of this size is not exact in JSON'),
        z.boolean(),
        z.null(),
      ]),
    )
    .optional(),
  maxRows: z.number().int().min(1).max(LIMITS.queryResultRows).optional(),
  timeoutMs: z.number().int().min(1).max(LIMITS.queryTimeoutMs).optional(),
};

const Query = z.strictObject({ ...statement, format: z.enum(RESULT_FORMATS).default('json') });

const Processing = z.strictObject({
  ...statement,
  into: dataset.describe('The dataset the rows go to.'),
  name: objectName.optional().describe('The object they are there; named after the task where absent.'),
});

const Ingestion = z
  .strictObject({
    location: z
      .string()
      .regex(/^inbox\/[^/]+\/[^/]+\/.+$/s, 'expected inbox/{namespace}/{dataset}/{name}')
      .optional()
      .describe('The key of an object that is in the bucket.'),
    objectId: z.string().min(1).max(100).optional().describe('An object of the ledger that failed.'),
    dataset: dataset.optional(),
    name: objectName.optional().describe('What the records are called; named after the task where absent.'),
    records: z.array(z.record(z.string(), z.unknown())).min(1).max(RECORDS).optional(),
    format: z.string().min(1).max(50).optional().describe('Of the object at `location`; detected where absent.'),
  })
  .superRefine(({ location, objectId, records, ...rest }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const sources = [location, objectId, records].filter((source) => source !== undefined).length;
    if (sources !== 1) return refuse('location', 'expected one of location, objectId and records');
    if (records !== undefined && rest.dataset === undefined) refuse('dataset', 'expected the dataset of the records');
    if (records === undefined && rest.dataset !== undefined) refuse('dataset', 'goes with records alone');
    if (records === undefined && rest.name !== undefined) refuse('name', 'goes with records alone');
    if (location === undefined && rest.format !== undefined) refuse('format', 'goes with location alone');
  });

const Indexing = z.strictObject({
  dataset,
  index: z.string().min(1).max(63).optional().describe('All that the pipelines declare where absent.'),
  rebuild: z.boolean().default(false).describe('Builds files anew that are there already.'),
});

/** What a `Maintenance` task does. */
export const MAINTENANCE_OPERATIONS = [
  'cleanup',
  'optimize',
  'backup',
  'restore',
  'health_check',
  'update',
  'repair',
] as const;

const Maintenance = z.discriminatedUnion('operation', [
  z.strictObject({
    operation: z.literal('cleanup'),
    minimumAgeSeconds: z
      .number()
      .int()
      .min(LIMITS.garbageGraceMs / 1_000)
      .default(LIMITS.garbageGraceMs / 1_000)
      .describe('Younger files stay: a query may be reading them, or their writer not be done.'),
  }),
  z.strictObject({
    operation: z.literal('optimize'),
    datasets,
    smallerThanRows: z
      .number()
      .int()
      .min(1)
      .max(LIMITS.segmentRows)
      .default(100_000)
      .describe('Segments with fewer rows are merged.'),
  }),
  z.strictObject({ operation: z.literal('backup'), datasets }),
  z.strictObject({
    operation: z.literal('restore'),
    backup: z.string().min(1).max(200).describe('The `backupId` that the backup answered.'),
    dataset,
    into: dataset.optional().describe('Another dataset to bring the rows to; it must not hold rows yet.'),
  }),
  z.strictObject({ operation: z.literal('health_check'), datasets }),
  z.strictObject({ operation: z.literal('update'), datasets }),
  z.strictObject({ operation: z.literal('repair'), datasets }),
]);

const PAYLOADS = { Ingestion, Indexing, Processing, Query, Maintenance } satisfies Record<BuiltInType, z.ZodType>;

/** The payload of a built-in type, its defaults filled in. */
export type BuiltInPayload<Type extends BuiltInType> = z.output<(typeof PAYLOADS)[Type]>;
export type MaintenancePayload<Operation extends (typeof MAINTENANCE_OPERATIONS)[number]> = Extract<
  BuiltInPayload<'Maintenance'>,
  { operation: Operation }
>;

/** What is wrong with a payload of a type, with paths below `payload`; nothing where it is right. */
export function payloadFaults(type: BuiltInType, payload: unknown): FieldError[] {
  const parsed = PAYLOADS[type].safeParse(payload);
  if (parsed.success) return [];
  return parsed.error.issues.map(({ path, message }) => ({
    path: ['payload', ...path.map(String)].join('.'),
    message,
  }));
}

/** Reads a payload. Throws `bad_request` where it is not what its type has. */
export function parsePayload<Type extends BuiltInType>(type: Type, payload: unknown): BuiltInPayload<Type> {
  const errors = payloadFaults(type, payload);
  if (errors.length > 0) throw new OrasiError('bad_request', `${errors[0].path}: ${errors[0].message}`, { errors });
  return PAYLOADS[type].parse(payload) as BuiltInPayload<Type>;
}
