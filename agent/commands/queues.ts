import type { ConnectedAgents } from '../../src/core/protocol/queue-connection.ts';
import type { Call, Command, Connection } from '../cli/command.ts';
import { pathOf } from '../client/client.ts';

const QUEUE = { name: 'QUEUE', summary: 'the name of a queue' } as const;

const SUMMARIES = {
  get: 'show a queue: its depth, age of the oldest, rates and limits',
  pause: 'have a queue take tasks in and give none out',
  resume: 'have a queue take tasks in and give them out',
  drain: 'have a queue give out what there is and take nothing in',
} as const;

/** The most that one request puts back. */
const REDRIVEN = 1_000;

/** `orasi queues …` */
export const queueCommands: readonly Command[] = [
  ...(['get', 'pause', 'resume', 'drain'] as const).map(
    (verb): Command => ({
      words: ['queues', verb],
      summary: SUMMARIES[verb],
      arguments: [QUEUE],
      async run({ args: [queue], connect, output }) {
        const connection = await connect();
        const path = queuePath(connection, queue);
        const asked =
          verb === 'get' ? ({ method: 'GET', path } as const) : ({ method: 'POST', path: `${path}/${verb}` } as const);
        await output.json(await connection.client.json(asked));
        return 0;
      },
    }),
  ),
  {
    words: ['queues', 'redrive'],
    summary: 'put tasks that failed for good back, under their ids',
    arguments: [QUEUE, { name: 'TASK', summary: 'only these', optional: true, many: true }],
    options: { type: { value: 'TYPE', summary: 'only of this type' } },
    run: redrive,
  },
  {
    words: ['queues', 'agents'],
    summary: 'list the agents that hold a WebSocket to a queue: their health, load and room',
    arguments: [QUEUE],
    async run({ args: [queue], connect, output }) {
      const connection = await connect();
      const path = `${queuePath(connection, queue)}/agents`;
      const agents = await connection.client.json<ConnectedAgents>({ method: 'GET', path });
      if (output.isJson) await output.json(agents);
      else {
        const rows = agents.items.map(({ agentId, shard, health, load, slots, types, connectedAt }) => {
          return [agentId, shard, health, load?.cpuPercent, slots, types?.join(', ') ?? 'any', connectedAt];
        });
        await output.table(['AGENT', 'SHARD', 'HEALTH', 'CPU %', 'SLOTS', 'TYPES', 'SINCE'], rows);
      }
      return 0;
    },
  },
];

function queuePath({ namespace }: Connection, queue: string): string {
  return pathOf('v1', 'namespaces', namespace, 'queues', queue);
}

async function redrive({ args: [queue, ...taskIds], options, connect, output }: Call): Promise<number> {
  const connection = await connect();
  const request = {
    method: 'POST',
    path: `${queuePath(connection, queue)}/dead/redrive`,
    json: { ...(taskIds.length > 0 ? { taskIds } : {}), type: options.text('type'), max: REDRIVEN },
  } as const;
  let redriven = 0;
  for (;;) {
    const last = (await connection.client.json<{ redriven: number }>(request)).redriven;
    redriven += last;
    if (taskIds.length > 0 || last < REDRIVEN) break;
  }
  if (output.isJson) await output.json({ redriven });
  else await output.write(`${redriven} redriven\n`);
  return 0;
}
