import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { LIMITS } from '../../src/core/limits.ts';
import { type Call, type Command, UsageError } from '../cli/command.ts';
import { type Page, readPages } from '../cli/pages.ts';
import { progressText } from '../cli/progress.ts';
import { parseSize, sizeText } from '../cli/size-text.ts';
import { type Client, pathOf } from '../client/client.ts';
import { filePartSource, streamPartSource } from '../client/part-sources.ts';
import { type ObjectView, type PartSource, uploadParts } from '../client/upload.ts';

const OBJECT = { name: 'OBJECT', summary: 'the id of an object' } as const;
const WAIT = {
  value: 'SECONDS',
  summary: 'wait at most so long until it is committed or failed (default 60, 0 not at all)',
} as const;
const WAIT_SECONDS = 60;
const WAIT_SECONDS_MAX = 300;

/** `orasi objects …` */
export const objectCommands: readonly Command[] = [
  {
    words: ['objects', 'put'],
    summary: 'take in files, or standard input',
    arguments: [
      { name: 'DATASET', summary: 'where the rows go' },
      { name: 'FILE', summary: 'a file; `-` is standard input', many: true, completes: 'files' },
    ],
    options: {
      name: { value: 'NAME', summary: "the object's name (default: the file's); standard input needs one" },
      format: {
        value: 'FORMAT',
        summary: 'what it is, where that is not to be detected',
        choices: ['json', 'csv', 'parquet', 'arrow'],
      },
      'content-type': { value: 'TYPE', summary: 'its media type' },
      'content-encoding': { value: 'CODING', summary: 'how it is compressed', choices: ['gzip', 'zstd'] },
      wait: WAIT,
      'part-size': { value: 'SIZE', summary: 'upload in parts of this size (5MiB to 100MB) whatever the length' },
      resume: { value: 'UPLOAD', summary: 'go on with an upload that was given up: what is there is not sent again' },
    },
    details: [
      `A file above ${sizeText(LIMITS.requestBodyBytes)} goes up in parts, each repeated over broken connections. Exits with 1 where an object failed.`,
    ],
    examples: ['orasi objects put log *.ndjson', 'zcat big.csv.gz | orasi objects put big - --name big.csv'],
    run: putObjects,
  },
  {
    words: ['objects', 'get'],
    summary: 'show an object: its state, counts and error',
    arguments: [OBJECT],
    options: { wait: { ...WAIT, summary: 'wait at most so long until it is committed or failed (default 0)' } },
    async run(call) {
      const { client, namespace } = await call.connect();
      const wait = call.options.integer('wait', 0, WAIT_SECONDS_MAX) ?? 0;
      const path = pathOf('v1', 'namespaces', namespace, 'objects', call.args[0]);
      const object = await client.json<ObjectView>({ method: 'GET', path, query: { wait }, idleMs: idleFor(wait) });
      await showObjects(call, [object], object);
      return 0;
    },
  },
  {
    words: ['objects', 'list'],
    summary: 'list objects, oldest first',
    options: {
      dataset: { value: 'DATASET', summary: 'only of this dataset' },
      state: {
        value: 'STATE',
        summary: 'only in this state',
        choices: ['received', 'processing', 'committed', 'failed'],
      },
      limit: { value: 'NUMBER', summary: 'at most so many (default: all)' },
    },
    async run(call) {
      const { client, namespace } = await call.connect();
      const path = pathOf('v1', 'namespaces', namespace, 'objects');
      const filter = { dataset: call.options.text('dataset'), state: call.options.text('state') };
      const items = await readPages(
        (query) => client.json<Page<ObjectView>>({ method: 'GET', path, query: { ...filter, ...query } }),
        call.options.integer('limit', 1, 1_000_000_000),
      );
      await showObjects(call, items, { items });
      return 0;
    },
  },
  {
    words: ['objects', 'delete'],
    summary: 'take the rows of objects out of every answer, for good',
    arguments: [{ ...OBJECT, many: true }],
    async run(call) {
      const { client, namespace } = await call.connect();
      for (const id of call.args) {
        await client.send({ method: 'DELETE', path: pathOf('v1', 'namespaces', namespace, 'objects', id) });
        call.output.note(`deleted ${id}`);
      }
      return 0;
    },
  },
  {
    words: ['objects', 'retry'],
    summary: 'put failed objects back to be taken in',
    arguments: [{ ...OBJECT, many: true }],
    async run(call) {
      const { client, namespace } = await call.connect();
      const items: ObjectView[] = [];
      for (const id of call.args) {
        const path = pathOf('v1', 'namespaces', namespace, 'objects', id, 'retry');
        items.push(await client.json<ObjectView>({ method: 'POST', path }));
      }
      await showObjects(call, items, { items });
      return 0;
    },
  },
  {
    words: ['objects', 'quarantine'],
    summary: 'print the rows of an object that were set aside, a line of JSON each, with reasons',
    arguments: [OBJECT],
    async run(call) {
      const { client, namespace } = await call.connect();
      const path = pathOf('v1', 'namespaces', namespace, 'objects', call.args[0], 'quarantine');
      const { body } = await client.open({ method: 'GET', path, headers: { accept: 'application/x-ndjson' } });
      await call.output.copy(body);
      return 0;
    },
  },
];

/** A connection on which the server may hold its answer for so long. */
const idleFor = (waitSeconds: number) => 60_000 + waitSeconds * 1000;

async function putObjects(call: Call): Promise<number> {
  const { args, options, output } = call;
  const [dataset, ...files] = args;
  if (files.length === 0) throw new UsageError('FILE is missing: orasi objects put DATASET FILE…');
  const one = ['name', 'resume'].find((name) => options.text(name) !== undefined);
  if (one !== undefined && files.length > 1) throw new UsageError(`--${one} goes with one file`);
  if (files.includes('-') && options.text('name') === undefined) throw new UsageError('standard input needs --name');
  const { client, namespace } = await call.connect();
  const objects: ObjectView[] = [];
  for (const file of files) {
    const name = options.text('name') ?? basename(file);
    objects.push(await putFile(call, client, { namespace, dataset, name, file }));
  }
  await showObjects(call, objects, { items: objects });
  for (const { name, error } of objects) if (error !== undefined) output.error(`${name} failed: ${error.message}`);
  return objects.some(({ state }) => state === 'failed') ? 1 : 0;
}

interface Put {
  readonly namespace: string;
  readonly dataset: string;
  readonly name: string;
  readonly file: string;
}

async function putFile(call: Call, client: Client, put: Put): Promise<ObjectView> {
  if (put.file === '-') return await putStream(call, client, put);
  const file = await open(put.file).catch((error: unknown) => {
    throw new Error(`${put.file} cannot be read: ${error instanceof Error ? error.message : error}`);
  });
  try {
    const stats = await file.stat();
    // A pipe or a device has no length to go by.
    if (!stats.isFile()) return await putStream(call, client, put, file.createReadStream({ autoClose: false }));
    const inParts = call.options.text('part-size') !== undefined || call.options.text('resume') !== undefined;
    if (inParts || stats.size > LIMITS.requestBodyBytes) {
      return await putParts(call, client, put, filePartSource(file, stats.size));
    }
    return await putWhole(call, client, put, file.createReadStream({ autoClose: false }), stats.size);
  } finally {
    await file.close();
  }
}

/** What fits one part goes up in one request, as its length is known then; the rest in parts. */
async function putStream(call: Call, client: Client, put: Put, stream?: Readable): Promise<ObjectView> {
  const source = streamPartSource(stream ?? call.stdin);
  const sized = call.options.text('part-size');
  if (sized !== undefined || call.options.text('resume') !== undefined) {
    return await putParts(call, client, put, source);
  }
  const first = (await source.read(1, LIMITS.uploadPartBytes)) ?? new Uint8Array(0);
  if (first.length < LIMITS.uploadPartBytes) {
    return await putWhole(call, client, put, Readable.from([first]), first.length);
  }
  const read: PartSource['read'] = (part, bytes) => (part === 1 ? Promise.resolve(first) : source.read(part, bytes));
  return await putParts(call, client, put, { sizeBytes: null, read });
}

async function putWhole(
  { options, output }: Call,
  client: Client,
  { namespace, dataset, name }: Put,
  body: Readable,
  sizeBytes: number,
): Promise<ObjectView> {
  const wait = options.integer('wait', 0, WAIT_SECONDS_MAX) ?? WAIT_SECONDS;
  const startedMs = Date.now();
  let sentBytes = 0;
  const counted = Readable.from(
    (async function* () {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        sentBytes += chunk.length;
        output.progress(progressText(name, sentBytes, sizeBytes, Date.now() - startedMs));
        yield chunk;
      }
    })(),
    { objectMode: false },
  );
  try {
    return await client.json<ObjectView>({
      method: 'PUT',
      path: pathOf('v1', 'namespaces', namespace, 'datasets', dataset, 'objects', name),
      query: { wait, format: options.text('format') },
      headers: encodingHeaders(options.text('content-type'), options.text('content-encoding')),
      body: counted,
      sizeBytes,
      idleMs: idleFor(wait),
    });
  } finally {
    output.progress('');
  }
}

function encodingHeaders(type: string | undefined, coding: string | undefined): Record<string, string> {
  return {
    ...(type === undefined ? {} : { 'content-type': type }),
    ...(coding === undefined ? {} : { 'content-encoding': coding }),
  };
}

async function putParts(
  { options, output }: Call,
  client: Client,
  { namespace, dataset, name, file }: Put,
  source: PartSource,
): Promise<ObjectView> {
  const partSize = options.text('part-size');
  const startedMs = Date.now();
  let uploadId: string | undefined;
  try {
    return await uploadParts(client, source, {
      namespace,
      dataset,
      name,
      format: options.text('format'),
      contentType: options.text('content-type'),
      contentEncoding: options.text('content-encoding'),
      ...(partSize === undefined ? {} : { partBytes: parseSize('part-size', partSize) }),
      resume: options.text('resume'),
      waitSeconds: options.integer('wait', 0, WAIT_SECONDS_MAX) ?? WAIT_SECONDS,
      onBegin(id) {
        uploadId = id;
      },
      onProgress: (bytes) => output.progress(progressText(name, bytes, source.sizeBytes, Date.now() - startedMs)),
      onRetry: (part, error) =>
        output.note(`part ${part} again: ${error instanceof Error ? error.message : String(error)}`),
    });
  } catch (error) {
    if (uploadId !== undefined) {
      const named = name === basename(file) ? '' : ` --name ${quoted(name)}`;
      output.note(`to go on: orasi objects put ${dataset} ${quoted(file)}${named} --resume ${uploadId}`);
    }
    throw error;
  } finally {
    output.progress('');
  }
}

const quoted = (text: string) => (/^[\w./@%+:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

async function showObjects({ output }: Call, objects: readonly ObjectView[], answer: unknown): Promise<void> {
  if (output.isJson) return await output.json(answer);
  await output.table(
    ['OBJECT', 'DATASET', 'NAME', 'FORMAT', 'SIZE', 'STATE', 'ROWS', 'QUARANTINED', 'ERROR'],
    objects.map((each) => [
      each.objectId,
      each.dataset,
      each.name,
      each.format,
      sizeText(each.sizeBytes),
      each.state,
      each.rowsCommitted,
      each.rowsQuarantined,
      each.error?.message,
    ]),
  );
}
