import { once } from 'node:events';
import type { Instance } from '../../scripts/launcher.ts';

export interface PushedTask {
  readonly taskId: string;
  readonly leaseToken: string;
  readonly attempt: number;
  readonly payload: { readonly n?: number };
}

type Message = Record<string, unknown> & { readonly type: string };

/** The other end of a queue's WebSocket. Node's client takes headers beside the protocols. */
export async function connectAgent(instance: Instance, queue: string, shard = 0) {
  const url = `${instance.url.replace('http', 'ws')}/v1/namespaces/default/queues/${queue}/connect?shard=${shard}`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${instance.adminToken}` } } as never);
  const messages: Message[] = [];
  const tasks: PushedTask[] = [];
  let heard = Promise.withResolvers<void>();
  let take: (message: Message) => void = () => undefined;
  socket.addEventListener('message', ({ data }) => {
    const text = String(data);
    const message: Message = text.startsWith('{') ? JSON.parse(text) : { type: text };
    messages.push(message);
    if (message.type === 'tasks') tasks.push(...(message['items'] as PushedTask[]));
    take(message);
    heard.resolve();
    heard = Promise.withResolvers();
  });
  await once(socket, 'open');
  const agent = {
    socket,
    messages,
    /** All it was sent. */
    tasks,
    say: (message: object | string) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    /** From now on it does this with each message, at once. */
    onMessage(handler: (message: Message) => void) {
      take = handler;
    },
    /** The first message so far or to come that is wanted. Throws where there is none within the time. */
    async next(wanted: (message: Message) => boolean, withinMs = 10_000): Promise<Message> {
      const deadline = AbortSignal.timeout(withinMs);
      for (;;) {
        const found = messages.find(wanted);
        if (found !== undefined) return found;
        const over = once(deadline, 'abort').then(() => true);
        if ((await Promise.race([heard.promise, over])) === true)
          throw new Error(`not within ${withinMs} ms among ${JSON.stringify(messages)}`);
      }
    },
    async hello(agentId: string, more: object = {}) {
      agent.say({ type: 'hello', agentId, slots: 0, ...more });
      return await agent.next(({ type }) => type === 'welcome');
    },
    close: () => socket.close(),
  };
  return agent;
}
export type ConnectedAgent = Awaited<ReturnType<typeof connectAgent>>;

/** Has an agent do what it is sent, at once, keeping `slots` free; counts outcomes by task. */
export function work(agent: ConnectedAgent, slots: number, outcomes: Map<string, string[]>): void {
  agent.onMessage((message) => {
    if (message.type === 'tasks') {
      const results = (message['items'] as PushedTask[]).map(({ taskId, leaseToken }) => ({
        taskId,
        leaseToken,
        success: true,
      }));
      agent.say({ type: 'results', id: String(message['push']), results, slots, push: message['push'] });
    }
    if (message.type !== 'outcomes') return;
    for (const { taskId, outcome } of message['outcomes'] as { taskId: string; outcome: string }[])
      outcomes.set(taskId, [...(outcomes.get(taskId) ?? []), outcome]);
  });
}
