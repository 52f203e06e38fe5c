import { deleteCall, keyInterval, prefixInterval, putCall, rangeCall } from '../../../src/core/kv-calls.ts';
import type { BallotView, ClusterMessage } from '../../../src/core/protocol/cluster.ts';
import type { KvCall } from '../../../src/core/protocol/cluster-kv.ts';
import { ClusterClient, orNone, type QueueClient } from '../clients.ts';
import type { Network } from '../network.ts';
import type { ClusterOracle } from '../oracle/cluster-oracle.ts';
import type { ObjectHost } from '../platform/object-host.ts';
import type { ClientSocket } from '../platform/sockets.ts';
import { Process } from '../process.ts';
import type { World } from '../world.ts';
import { TYPES } from './submitter.ts';

const SESSION_SECONDS = 30;
const bytes = (text: string) => new TextEncoder().encode(text);

export const putOf = (key: string, value: string, leaseId = '0') => putCall(bytes(key), bytes(value), { leaseId });

/**
 * A member of the cluster. While it believes to lead it writes what only a leader may, by its epoch, for as long as
 * nobody tells it otherwise: cut off, it goes on with an epoch that is over.
 */
export class Member extends Process {
  private readonly cluster: ClusterClient;
  private readonly network: Network;
  private readonly host: ObjectHost;
  private readonly queue: QueueClient;
  private readonly oracle: ClusterOracle;
  private readonly holdsSocket: boolean;
  private socket: ClientSocket | null = null;
  /** The epoch it believes to lead by. */
  private epoch: number | null = null;
  private leaseId = '0';
  private written = 0;

  constructor(
    world: World,
    name: string,
    network: Network,
    host: ObjectHost,
    oracle: ClusterOracle,
    queue: QueueClient,
  ) {
    super(world, name);
    this.cluster = new ClusterClient(network, host, name);
    this.network = network;
    this.host = host;
    this.queue = queue;
    this.oracle = oracle;
    this.holdsSocket = world.chance(0.5);
  }

  async run(): Promise<void> {
    const { world } = this;
    for (;;) {
      if (world.faults.hit('agent vanished')) {
        this.restart();
        return;
      }
      if (this.holdsSocket) await this.ping();
      else await this.beat();
      const turn = world.random.next();
      if (this.epoch !== null && turn < 0.3) await this.lead(this.epoch);
      else if (this.epoch !== null && turn < 0.5) await this.handIn(this.epoch);
      else if (turn < 0.2) await this.write();
      else if (turn < 0.24) await this.stand();
      await this.sleep(world.below((SESSION_SECONDS * 1_000) / 3));
    }
  }

  private restart(): void {
    this.die('');
    this.socket?.close();
    this.socket = null;
    this.epoch = null;
    this.leaseId = '0';
    this.begin(async () => {
      await this.sleep(this.world.below(60_000));
      await this.run();
    });
  }

  private async beat(): Promise<void> {
    const report = { status: 'Running' as const, sessionTtlSeconds: SESSION_SECONDS };
    const answer = await this.live(orNone(this.cluster.report(this.name, report)));
    if (!answer?.ok) return;
    this.told(answer.value.leader, answer.value.epoch);
    if (answer.value.leader !== null) return;
    const election = await this.live(orNone(this.cluster.election()));
    if (election?.ballot) await this.vote(election.ballot);
  }

  /** For whomever; now and then in another term, or a second time for another. */
  private async vote({ candidates, term }: Pick<BallotView, 'candidates' | 'term'>): Promise<void> {
    const { world, name } = this;
    if (candidates.length === 0) return;
    const votes = world.chance(0.2) ? 2 : 1;
    for (let at = 0; at < votes; at++) {
      const vote = { memberId: name, candidateId: world.pick(candidates), term: term + (world.chance(0.1) ? 1 : 0) };
      world.trace(name, 'votes', vote.candidateId, vote.term);
      await this.live(orNone(this.cluster.vote(vote)));
    }
  }

  private async ping(): Promise<void> {
    if (this.socket !== null) {
      this.socket.send('ping');
      // Half open: its pings are not answered. A process that minds takes another connection.
      if (this.socket.cut && this.world.chance(0.3)) this.socket = null;
      return;
    }
    const socket = await this.live(this.network.connect(this.name, this.host));
    if (socket === null) return;
    this.socket = socket;
    socket.onClose = () => {
      if (this.socket === socket) this.socket = null;
    };
    socket.onMessage = (text) => {
      if (this.socket !== socket || !text.startsWith('{')) return;
      const message = JSON.parse(text) as ClusterMessage;
      if (message.type === 'leader') this.told(message.memberId, message.epoch);
      if (message.type === 'ballot') this.begin(() => this.vote(message));
    };
    socket.server.onPing = (atMs) => this.oracle.pinged(this.name, atMs);
    socket.send(
      JSON.stringify({ type: 'join', memberId: this.name, status: 'Running', sessionTtlSeconds: SESSION_SECONDS }),
    );
  }

  private told(leader: string | null, epoch: number): void {
    const before = this.epoch;
    this.epoch = leader === this.name ? epoch : null;
    if (before === this.epoch) return;
    this.world.trace(this.name, this.epoch === null ? 'leads no more' : 'leads', epoch);
    // What it had begun as a leader goes on: a process that stood still for a while does not know better.
    if (before !== null && this.world.chance(0.5)) this.begin(() => this.finishLeading(before));
  }

  private async finishLeading(epoch: number): Promise<void> {
    await this.sleep(this.world.below(20_000));
    if (this.world.chance(0.5)) await this.lead(epoch);
    else await this.handIn(epoch);
  }

  private async lead(epoch: number): Promise<void> {
    const call = putOf('leader', `${this.name} ${epoch} ${this.written++}`);
    const answer = await this.live(orNone(this.cluster.kv(call, epoch)));
    this.world.trace(this.name, 'writes as leader by', epoch, answer?.ok ?? 'no answer');
    if (answer?.ok === false && answer.refusal === 'stale_epoch' && this.epoch === epoch) this.epoch = null;
  }

  /** Hands in a task as the leader alone may: whoever takes the call asks the cluster first who leads. */
  private async handIn(epoch: number): Promise<void> {
    const task = { type: TYPES[0], payload: '{}', priority: 'High' as const, requires: [], options: {} };
    const present = await this.live(orNone(this.cluster.leader()));
    if (present === null) return;
    const fence = { cluster: this.host.name, epoch, presentEpoch: present.epoch };
    const answer = await this.live(orNone(this.queue.submit([task], fence)));
    this.world.trace(this.name, 'hands in as leader by', epoch, answer?.map(({ taskId }) => taskId) ?? 'not taken');
  }

  private async write(): Promise<void> {
    const { world, name } = this;
    const key = `key-${world.below(6)}`;
    const turn = world.random.next();
    if (turn < 0.35) await this.live(orNone(this.cluster.kv(putOf(key, `${name} ${this.written++}`), null)));
    else if (turn < 0.5) await this.live(orNone(this.cluster.kv(this.lock(key), null)));
    else if (turn < 0.65) await this.live(orNone(this.cluster.kv(deleteCall(keyInterval(bytes(key))), null)));
    else if (turn < 0.9) await this.leased();
    else await this.live(orNone(this.cluster.kv(rangeCall(prefixInterval(bytes(''))), null)));
  }

  /** Makes a key where there is none. */
  private lock(key: string): KvCall {
    return {
      op: 'txn',
      compare: [{ ...keyInterval(bytes(key)), target: 'create', result: 'equal', number: 0 }],
      success: [putOf(key, this.name), putOf(`${key}-owner`, this.name)],
      failure: [],
    };
  }

  /** Keeps a key that goes when it falls silent. */
  private async leased(): Promise<void> {
    if (this.leaseId === '0') {
      const call = { op: 'grant' as const, leaseId: '0', ttlSeconds: 5 + this.world.below(40) };
      const answer = await this.live(orNone(this.cluster.kv(call, null)));
      if (!answer?.ok || answer.result.op !== 'grant') return;
      this.leaseId = answer.result.leaseId;
      await this.live(orNone(this.cluster.kv(putOf(`alive/${this.name}`, this.name, this.leaseId), null)));
      return;
    }
    const answer = await this.live(orNone(this.cluster.kv({ op: 'keepAlive', leaseId: this.leaseId }, null)));
    if (answer?.ok && answer.result.op === 'keepAlive' && answer.result.ttlSeconds === 0) this.leaseId = '0';
  }

  private async stand(): Promise<void> {
    const what = this.world.pick(['resign', 'campaign', 'campaign', 'leave'] as const);
    this.world.trace(this.name, what);
    await this.live(orNone(this.cluster.change(what, this.name)));
  }
}
