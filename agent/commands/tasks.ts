import { readFile } from 'node:fs/promises';
import { type Call, type Command, UsageError } from '../cli/command.ts';
import { type Page, readPages } from '../cli/pages.ts';
import { pause } from '../client/backoff.ts';
import { pathOf } from '../client/client.ts';

interface TaskView {
  readonly taskId: string;
  readonly type: string;
  readonly priority: string;
  readonly status: 'Pending' | 'Running' | 'Completed' | 'Failed' | 'Cancelled' | 'Retrying';
  readonly attempts: number;
  readonly submittedAt: string;
  readonly agentId?: string;
  readonly progress?: unknown;
  readonly result?: { readonly success: boolean; readonly data?: unknown; readonly error?: string };
  readonly lastError?: string;
}

const TASK = { name: 'TASK', summary: 'the id of a task' } as const;
const QUEUE = { queue: { value: 'QUEUE', summary: 'the queue (default: default)' } } as const;
const ENDED: readonly string[] = ['Completed', 'Failed', 'Cancelled'];
/** A task that is watched is asked after so often. */
const WATCH_MS = 500;
const YEAR_SECONDS = 366 * 86_400;

/** `orasi tasks …` */
export const taskCommands: readonly Command[] = [
  {
    words: ['tasks', 'submit'],
    summary: 'submit a task',
    arguments: [
      { name: 'TYPE', summary: 'what kind of task; agents claim by it' },
      { name: 'PAYLOAD', summary: 'its payload, JSON; `-` reads it from standard input', optional: true },
    ],
    options: {
      ...QUEUE,
      file: { value: 'FILE', short: 'f', summary: 'read the payload from a file', completes: 'files' },
      priority: { value: 'PRIORITY', summary: 'how urgent it is', choices: ['Low', 'Normal', 'High', 'Critical'] },
      delay: { value: 'SECONDS', summary: 'not before so long' },
      'run-at': { value: 'TIME', summary: 'not before a time, such as 2026-12-24T18:00:00Z' },
      'expires-at': { value: 'TIME', summary: 'it fails where nobody has begun it by then' },
      timeout: { value: 'SECONDS', summary: 'how long one attempt may take' },
      'max-retries': { value: 'NUMBER', summary: 'attempts after the first' },
      retention: { value: 'SECONDS', summary: 'how long its result is kept; 0 keeps none' },
      'dedupe-key': { value: 'KEY', summary: 'a task with this key is not submitted twice' },
      group: { value: 'KEY', summary: 'the group it belongs to' },
      requires: { value: 'CAPABILITY', multiple: true, summary: 'what an agent must be capable of' },
      watch: { summary: 'wait until it has ended, as `tasks watch` does' },
    },
    examples: [`orasi tasks submit report '{"month":"2026-10"}' --priority High --watch`],
    run: submit,
  },
  {
    words: ['tasks', 'get'],
    summary: 'show a task: its state, attempts, history and result',
    arguments: [TASK],
    options: QUEUE,
    async run(call) {
      await call.output.json(await readTask(call, call.args[0]));
      return 0;
    },
  },
  {
    words: ['tasks', 'list'],
    summary: 'list tasks: those that have not ended, then those that have',
    options: {
      ...QUEUE,
      status: {
        value: 'STATUS',
        summary: 'only with this status',
        choices: ['Pending', 'Running', 'Completed', 'Failed', 'Cancelled', 'Retrying'],
      },
      type: { value: 'TYPE', summary: 'only of this type' },
      limit: { value: 'NUMBER', summary: 'at most so many (default 100)' },
    },
    async run(call) {
      const { client } = await call.connect();
      const path = `${await queuePath(call)}/tasks`;
      const filter = { status: call.options.text('status'), type: call.options.text('type') };
      const items = await readPages(
        (query) => client.json<Page<TaskView>>({ method: 'GET', path, query: { ...filter, ...query } }),
        call.options.integer('limit', 1, 1_000_000_000) ?? 100,
      );
      if (call.output.isJson) await call.output.json({ items });
      else await call.output.table(COLUMNS, items.map(rowOf));
      return 0;
    },
  },
  {
    words: ['tasks', 'why'],
    summary: 'say why a task is not running',
    arguments: [TASK],
    options: QUEUE,
    async run(call) {
      const { client } = await call.connect();
      const path = `${await queuePath(call)}/tasks${pathOf(call.args[0], 'why')}`;
      const reasons = await client.json<{ items: { code: string; message: string }[] }>({ method: 'GET', path });
      if (call.output.isJson) await call.output.json(reasons);
      else for (const { message } of reasons.items) await call.output.write(`${message}\n`);
      return 0;
    },
  },
  {
    words: ['tasks', 'cancel'],
    summary: 'cancel tasks: at once where they wait, by the next heartbeat where they run',
    arguments: [{ ...TASK, many: true }],
    options: QUEUE,
    async run(call) {
      const { client } = await call.connect();
      const items: TaskView[] = [];
      for (const id of call.args) {
        const path = `${await queuePath(call)}/tasks${pathOf(id)}`;
        items.push(await client.json<TaskView>({ method: 'DELETE', path }));
      }
      if (call.output.isJson) await call.output.json({ items });
      else await call.output.table(COLUMNS, items.map(rowOf));
      return 0;
    },
  },
  {
    words: ['tasks', 'watch'],
    summary: 'print each change of a task until it has ended; exits with 1 where it did not complete',
    arguments: [TASK],
    options: QUEUE,
    run: (call) => watchTask(call, call.args[0]),
  },
];

const COLUMNS = ['TASK', 'TYPE', 'PRIORITY', 'STATUS', 'ATTEMPTS', 'SUBMITTED', 'AGENT', 'ERROR'];

function rowOf(task: TaskView): unknown[] {
  const { taskId, type, priority, status, attempts, submittedAt, agentId, lastError } = task;
  return [taskId, type, priority, status, attempts, submittedAt, agentId, lastError];
}

async function queuePath({ options, connect }: Call): Promise<string> {
  const { namespace } = await connect();
  return pathOf('v1', 'namespaces', namespace, 'queues', options.text('queue') ?? 'default');
}

async function readTask(call: Call, taskId: string): Promise<TaskView> {
  const { client } = await call.connect();
  return await client.json<TaskView>({ method: 'GET', path: `${await queuePath(call)}/tasks${pathOf(taskId)}` });
}

async function submit(call: Call): Promise<number> {
  const { args, options, output } = call;
  const payload = await payloadOf(call);
  const { client } = await call.connect();
  const { items } = await client.json<{ items: { taskId: string; status: string; duplicate?: boolean }[] }>({
    method: 'POST',
    path: `${await queuePath(call)}/tasks`,
    json: {
      type: args[0],
      payload,
      priority: options.text('priority'),
      delaySeconds: options.integer('delay', 0, YEAR_SECONDS),
      runAt: options.text('run-at'),
      expiresAt: options.text('expires-at'),
      resultRetentionSeconds: options.integer('retention', 0, 30 * 86_400),
      timeoutSeconds: options.integer('timeout', 1, 86_400),
      maxRetries: options.integer('max-retries', 0, 100),
      dedupeKey: options.text('dedupe-key'),
      groupKey: options.text('group'),
      ...(options.texts('requires').length > 0 ? { requires: options.texts('requires') } : {}),
    },
  });
  const [submitted] = items;
  if (options.flag('watch')) return await watchTask(call, submitted.taskId);
  if (output.isJson) await output.json({ items });
  else {
    if (submitted.duplicate) output.note('it was there already');
    await output.write(`${submitted.taskId}\n`);
  }
  return 0;
}

async function payloadOf({ args, options, stdin }: Call): Promise<unknown> {
  const file = options.text('file');
  const given = args.at(1);
  if (file !== undefined && given !== undefined) throw new UsageError('give PAYLOAD or --file, not both');
  let text = given;
  if (given === '-' || file === '-') {
    text = '';
    for await (const chunk of stdin.setEncoding('utf8')) text += chunk;
  } else if (file !== undefined) {
    text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
    });
  }
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError('PAYLOAD is not JSON; a text is written in quotes: \'"text"\'');
  }
}

async function watchTask(call: Call, taskId: string): Promise<number> {
  const { output } = call;
  let shown = '';
  for (;;) {
    const task = await readTask(call, taskId);
    const state = JSON.stringify([task.status, task.attempts, task.progress]);
    if (state !== shown) {
      shown = state;
      const progress = task.status === 'Running' && task.progress !== undefined ? JSON.stringify(task.progress) : '';
      if (output.isJson) await output.write(`${JSON.stringify(task)}\n`);
      else await output.write(`${[task.taskId, task.status, progress].join('  ').trimEnd()}\n`);
    }
    if (ENDED.includes(task.status)) {
      if (!output.isJson && task.result?.data !== undefined) await output.json(task.result.data);
      if (task.status === 'Completed') return 0;
      output.error(`the task is ${task.status}${task.lastError === undefined ? '' : `: ${task.lastError}`}`);
      return 1;
    }
    await pause(WATCH_MS);
  }
}
