import { type Stats, unwatchFile, watchFile } from 'node:fs';
import { type Call, type Command, FieldsError } from '../cli/command.ts';
import { type RunningAgent, startAgent } from '../process/agent.ts';
import { AGENT_OPTIONS, readAgentConfig } from '../process/config.ts';
import type { Log } from '../process/log.ts';
import { taskTypesOf } from '../process/task-types.ts';

/** A file of configuration is looked at so often: also one behind links, as Kubernetes mounts it. */
const LOOK_MS = 1_000;

/** `orasi agent` */
export const agentCommands: readonly Command[] = [
  {
    words: ['agent'],
    summary: 'join a cluster and run tasks, until it is stopped',
    options: {
      config: { value: 'FILE', summary: 'a file of YAML with these fields in camelCase', completes: 'files' },
      check: { summary: 'say what the configuration comes to, and do nothing' },
      ...AGENT_OPTIONS,
    },
    details: [
      'Each option is also a variable, such as ORASI_AGENT_LEASE_SECONDS; options win over variables, and those over\nthe file. SIGHUP and a change of the file have it loaded anew. SIGTERM and SIGINT drain the agent; a second one\nends it at once.',
    ],
    examples: ['orasi agent --commands pg_dump --commands gzip --concurrency 2'],
    run,
  },
];

async function run(call: Call): Promise<number> {
  const { options, output, env } = call;
  const file = options.text('config');
  const load = async () => {
    const config = await readAgentConfig(file, env, options.texts);
    return { config, types: await taskTypesOf(config) };
  };
  const { config, types } = await load();
  if (options.flag('check')) {
    await output.json({ ...config, types: [...types.keys()] });
    return 0;
  }
  const { client, namespace } = await call.connect();
  const log: Log = (event, fields = {}) =>
    void output.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`);
  const told = firstSignal();
  const agent = await startAgent({ client, namespace, config, types, log });
  const reload = reloading(load, agent);
  process.on('SIGHUP', reload);
  const looked = (now: Stats, before: Stats) => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) reload();
  };
  if (file !== undefined) watchFile(file, { interval: LOOK_MS }, looked);
  log('ready', { url: agent.url, agentId: config.agentId, types: [...types.keys()] });

  const reason = await Promise.race([told, agent.failed]);
  process.off('SIGHUP', reload);
  if (file !== undefined) unwatchFile(file, looked);
  log('stopping', { reason });
  await agent.stop();
  log('stopped');
  return reason.startsWith('SIG') ? 0 : 1;
}

/** Resolves to the first signal to stop; the second ends the process. */
function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    let signals = 0;
    for (const signal of ['SIGTERM', 'SIGINT']) {
      process.on(signal, () => {
        if (++signals > 1) process.exit(1);
        resolve(signal);
      });
    }
  });
}

/** Loads the configuration into the agent, one time after the other; what cannot be is refused. */
function reloading(
  load: () => Promise<{ config: Parameters<RunningAgent['reload']>[0]; types: Parameters<RunningAgent['reload']>[1] }>,
  agent: RunningAgent,
): () => void {
  let last = Promise.resolve();
  return () => {
    last = last.then(async () => {
      try {
        const { config, types } = await load();
        agent.reload(config, types);
      } catch (error) {
        agent.refuse(reasonOf(error));
      }
    });
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof FieldsError)) return error instanceof Error ? error.message : String(error);
  return [error.message, ...error.errors.map(({ path, message }) => `${path}: ${message}`)].join('; ');
}
