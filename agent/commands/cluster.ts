import { type Call, type Command, UsageError } from '../cli/command.ts';
import { type Page, readPages } from '../cli/pages.ts';
import { pathOf } from '../client/client.ts';
import { followCluster, WATCH_OPTIONS } from './cluster-watch.ts';

interface Member {
  readonly memberId: string;
  readonly status: string;
  readonly health: string;
  readonly election: string;
  readonly zone: string | null;
  readonly address: string | null;
  readonly connected: boolean;
  readonly load: { readonly cpuPercent: number; readonly activeTasks: number } | null;
  readonly seenAt: string;
}

interface Leader {
  readonly memberId: string | null;
  readonly epoch: number;
  readonly state: string;
  readonly leaseRemainingMs: number;
}

interface Election {
  readonly history: readonly {
    readonly at: string;
    readonly term: number;
    readonly epoch: number | null;
    readonly memberId: string | null;
    readonly outcome: string;
    readonly reason: string;
  }[];
}

interface Backup {
  readonly backupId: string;
  readonly createdAt: string;
  readonly sizeBytes: number;
}

interface ClusterEvent {
  readonly revision: number;
  readonly time: string;
  readonly kind: string;
  readonly change?: string;
  readonly state?: string;
  readonly memberId?: string | null;
  readonly member?: Member;
  readonly candidates?: readonly string[];
  readonly reason: string;
}

/** The option that names a cluster. */
export const CLUSTER = { cluster: { value: 'NAME', short: 'c', summary: 'the cluster (default: default)' } } as const;
const MEMBER = { name: 'MEMBER', summary: 'the id of a member' } as const;

/** `orasi cluster …`, its state apart: that is `orasi cluster kv …`. */
export const clusterCommands: readonly Command[] = [
  {
    words: ['cluster', 'members'],
    summary: 'list the members of a cluster, or show one',
    arguments: [{ ...MEMBER, optional: true }],
    options: CLUSTER,
    run: members,
  },
  {
    words: ['cluster', 'leader'],
    summary: 'show who leads, until when and by which epoch; exits with 1 where nobody does',
    options: CLUSTER,
    run: leader,
  },
  {
    words: ['cluster', 'watch'],
    summary: 'print each change of members and leader, through broken connections',
    options: { ...CLUSTER, ...WATCH_OPTIONS },
    async run(call) {
      return await followCluster(call, await clusterPath(call, 'watch'), undefined, (data) =>
        call.output.write(call.output.isJson ? `${data}\n` : eventLine(JSON.parse(data) as ClusterEvent)),
      );
    },
  },
  {
    words: ['cluster', 'election'],
    summary: 'list past elections, newest first, with their reasons',
    options: CLUSTER,
    async run(call) {
      const { client } = await call.connect();
      const election = await client.json<Election>({ method: 'GET', path: await clusterPath(call, 'election') });
      if (call.output.isJson) await call.output.json(election);
      else {
        const rows = election.history.map(({ at, term, memberId, outcome, reason }) => [
          at,
          term,
          memberId,
          outcome,
          reason,
        ]);
        await call.output.table(['AT', 'TERM', 'MEMBER', 'OUTCOME', 'REASON'], rows);
      }
      return 0;
    },
  },
  {
    words: ['cluster', 'campaign'],
    summary: 'have a member run for leader',
    arguments: [MEMBER],
    options: CLUSTER,
    run: (call) => elect(call, 'campaign', { memberId: call.args[0] }),
  },
  {
    words: ['cluster', 'resign'],
    summary: 'have a member lead no more, until it campaigns',
    arguments: [MEMBER],
    options: CLUSTER,
    run: (call) => elect(call, 'resign', { memberId: call.args[0] }),
  },
  {
    words: ['cluster', 'vote'],
    summary: 'vote for a member, under the policy majority',
    arguments: [MEMBER, { name: 'CANDIDATE', summary: 'who is voted for' }],
    options: { ...CLUSTER, term: { value: 'NUMBER', summary: 'the term that the vote is in' } },
    async run(call) {
      const term = call.options.integer('term', 1, Number.MAX_SAFE_INTEGER);
      if (term === undefined)
        throw new UsageError('--term is missing: orasi cluster vote MEMBER CANDIDATE --term NUMBER');
      return await elect(call, 'vote', { memberId: call.args[0], candidateId: call.args[1], term });
    },
  },
  {
    words: ['cluster', 'backup'],
    summary: 'take a backup of a cluster: its keys, leases and election, not its members',
    options: CLUSTER,
    async run(call) {
      const { client } = await call.connect();
      const backup = await client.json<Backup>({ method: 'POST', path: await clusterPath(call, 'backups') });
      if (call.output.isJson) await call.output.json(backup);
      else await call.output.write(`${backup.backupId}\n`);
      return 0;
    },
  },
  {
    words: ['cluster', 'backups'],
    summary: 'list the backups of a cluster, oldest first',
    options: CLUSTER,
    async run(call) {
      const { client } = await call.connect();
      const path = await clusterPath(call, 'backups');
      const items = await readPages((query) => client.json<Page<Backup>>({ method: 'GET', path, query }));
      if (call.output.isJson) await call.output.json({ items });
      else {
        const rows = items.map(({ backupId, createdAt, sizeBytes }) => [backupId, createdAt, sizeBytes]);
        await call.output.table(['BACKUP', 'CREATED', 'BYTES'], rows);
      }
      return 0;
    },
  },
  {
    words: ['cluster', 'restore'],
    summary: 'make a cluster what a backup holds; its members join anew',
    arguments: [{ name: 'BACKUP', summary: 'the id of a backup' }],
    options: { ...CLUSTER, from: { value: 'NAME', summary: 'the cluster that the backup is of (default: the same)' } },
    async run(call) {
      const { client } = await call.connect();
      const restored = await client.json<{ revision: number; epoch: number }>({
        method: 'POST',
        path: await clusterPath(call, 'restore'),
        json: { backupId: call.args[0], cluster: call.options.text('from') },
        // All of a large state is put in place before the answer.
        idleMs: 600_000,
      });
      if (call.output.isJson) await call.output.json(restored);
      else call.output.note(`restored: revision ${restored.revision}, epoch ${restored.epoch}`);
      return 0;
    },
  },
];

/** A path below a cluster. */
export async function clusterPath({ options, connect }: Call, ...parts: readonly string[]): Promise<string> {
  const { namespace } = await connect();
  return pathOf('v1', 'namespaces', namespace, 'clusters', options.text('cluster') ?? 'default', ...parts);
}

async function members(call: Call): Promise<number> {
  const { args, output, connect } = call;
  const { client } = await connect();
  const path = await clusterPath(call, 'members', ...args);
  if (args.length > 0) {
    await output.json(await client.json({ method: 'GET', path }));
    return 0;
  }
  const { items } = await client.json<{ items: readonly Member[] }>({ method: 'GET', path });
  if (output.isJson) await output.json({ items });
  else {
    const rows = items.map(({ memberId, status, health, election, zone, address, connected, load, seenAt }) => [
      memberId,
      status,
      health,
      election,
      zone,
      address,
      connected ? 'yes' : 'no',
      load?.cpuPercent,
      load?.activeTasks,
      seenAt,
    ]);
    const header = ['MEMBER', 'STATUS', 'HEALTH', 'ELECTION', 'ZONE', 'ADDRESS', 'CONNECTED', 'CPU %', 'TASKS', 'SEEN'];
    await output.table(header, rows);
  }
  return 0;
}

async function leader(call: Call): Promise<number> {
  const { client } = await call.connect();
  const found = await client.json<Leader>({ method: 'GET', path: await clusterPath(call, 'leader') });
  const { memberId, epoch, state, leaseRemainingMs } = found;
  if (call.output.isJson) await call.output.json(found);
  else if (memberId !== null) {
    await call.output.table(['LEADER', 'EPOCH', 'LEASE MS'], [[memberId, epoch, Math.round(leaseRemainingMs)]]);
  } else call.output.error(state === 'Campaigning' ? 'nobody leads: votes are being taken' : 'nobody leads');
  return memberId === null ? 1 : 0;
}

async function elect(call: Call, verb: string, body: object): Promise<number> {
  const { client } = await call.connect();
  const path = await clusterPath(call, 'election', verb);
  const election = await client.json<{ leader: Leader }>({ method: 'POST', path, json: body });
  if (call.output.isJson) await call.output.json(election);
  else call.output.note(election.leader.memberId === null ? 'nobody leads' : `${election.leader.memberId} leads`);
  return 0;
}

function eventLine({
  revision,
  time,
  kind,
  change,
  state,
  member,
  memberId,
  candidates,
  reason,
}: ClusterEvent): string {
  const who = member?.memberId ?? (candidates === undefined ? (memberId ?? 'nobody') : candidates.join(','));
  return `${[revision, time, kind, change ?? state, who, `(${reason})`].filter((part) => part !== undefined).join('  ')}\n`;
}
