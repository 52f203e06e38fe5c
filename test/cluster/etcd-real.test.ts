import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { seedCount, sized } from '../scale.ts';
import { type EtcdAnswer, etcdFace } from './etcd-face.ts';
import { kvWorld } from './kv-fixture.ts';
import { findEtcd, startEtcd } from './real-etcd.ts';

const program = findEtcd();
if (program === undefined) console.warn('etcd is not installed: its answers are not compared with ours');

interface Call {
  readonly path: string;
  readonly body: string;
}

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const KEYS = ['a', 'a/1', 'a/2', 'a/\xff', 'b', 'b/1', 'c', '\0', '\xff\xff'];
const VALUES = ['', 'v', 'w', 'value', '\0\xff'];
const LEASES = ['1001', '1002', '9007199254740993'];

/** Sequences of calls that mean something to each other: few keys, revisions near the present. */
class Generator {
  private readonly random: Random;
  /** About what the store's revision is. */
  private revision = 1;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  private below(bound: number): number {
    return Math.floor(this.random.next() * bound);
  }

  private chance(share: number): boolean {
    return this.random.next() < share;
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  private key(): string {
    return this.chance(0.02) ? '' : base64(this.pick(KEYS));
  }

  private interval(): Record<string, unknown> {
    if (this.chance(0.4)) return { key: this.key() };
    return {
      key: this.key(),
      range_end: this.pick(['AA==', base64('b'), base64('a0'), base64('a/2'), '', base64('\xff')]),
    };
  }

  private near(): string {
    return String(Math.max(-1, this.revision + 2 - this.below(this.chance(0.2) ? 40 : 8)));
  }

  private range(): Record<string, unknown> {
    const range: Record<string, unknown> = this.interval();
    if (this.chance(0.3)) range['limit'] = String(this.below(4));
    if (this.chance(0.3)) range['revision'] = this.near();
    if (this.chance(0.2)) range['sort_order'] = this.pick(['NONE', 'ASCEND', 'DESCEND', 0, 1, 2]);
    if (this.chance(0.2)) range['sort_target'] = this.pick(['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE', 3]);
    if (this.chance(0.1)) range['keys_only'] = this.chance(0.7);
    if (this.chance(0.1)) range['count_only'] = this.chance(0.7);
    for (const bound of ['min_mod_revision', 'max_mod_revision', 'min_create_revision', 'max_create_revision']) {
      if (this.chance(0.05)) range[bound] = this.near();
    }
    if (this.chance(0.1)) range['serializable'] = true;
    return range;
  }

  private put(): Record<string, unknown> {
    const put: Record<string, unknown> = { key: this.key() };
    if (this.chance(0.9)) put['value'] = base64(this.pick(VALUES));
    if (this.chance(0.2)) put['lease'] = this.pick([...LEASES, '0', '77']);
    if (this.chance(0.3)) put['prev_kv'] = true;
    if (this.chance(0.05)) put['ignore_value'] = true;
    if (this.chance(0.05)) put['ignore_lease'] = true;
    return put;
  }

  private deletion(): Record<string, unknown> {
    return { ...this.interval(), ...(this.chance(0.3) ? { prev_kv: true } : {}) };
  }

  private compare(): Record<string, unknown> {
    const target = this.pick(['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE']);
    const compare: Record<string, unknown> = { target, key: this.key() };
    if (this.chance(0.8)) compare['result'] = this.pick(['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL']);
    if (this.chance(0.2)) compare['range_end'] = this.pick(['AA==', base64('b')]);
    const operand = this.chance(0.95) ? target : 'MOD';
    if (operand === 'VERSION') compare['version'] = String(this.below(3));
    if (operand === 'CREATE') compare['create_revision'] = this.chance(0.5) ? '0' : this.near();
    if (operand === 'MOD') compare['mod_revision'] = this.chance(0.3) ? '0' : this.near();
    if (operand === 'VALUE') compare['value'] = base64(this.pick(VALUES));
    if (operand === 'LEASE') compare['lease'] = this.pick([...LEASES, '0']);
    return compare;
  }

  private operation(depth: number): Record<string, unknown> {
    const turn = this.below(20);
    if (turn === 0) return {};
    if (turn < 8) return { request_put: this.put() };
    if (turn < 13) return { request_range: this.range() };
    if (turn < 17 || depth === 0) return { request_delete_range: this.deletion() };
    return { request_txn: this.txn(depth - 1) };
  }

  private some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  private txn(depth: number): Record<string, unknown> {
    return {
      compare: this.some(2, () => this.compare()),
      success: this.some(3, () => this.operation(depth)),
      failure: this.some(3, () => this.operation(depth)),
    };
  }

  next(): Call {
    const turn = this.below(100);
    const call = (path: string, body: unknown): Call => ({ path, body: JSON.stringify(body) });
    if (turn < 30) return call('/kv/put', this.put());
    if (turn < 50) return call('/kv/range', this.range());
    if (turn < 58) return call('/kv/deleterange', this.deletion());
    if (turn < 85) return call('/kv/txn', this.txn(2));
    if (turn < 87) return call('/kv/compaction', { revision: this.near() });
    // Long leases: how much is left of them is the same for both, but for the moment between.
    if (turn < 91) return call('/lease/grant', { TTL: this.pick(['5000', '9000000001', 4000]), ID: this.pick(LEASES) });
    if (turn < 93) return call(this.pick(['/lease/revoke', '/kv/lease/revoke']), { ID: this.pick([...LEASES, '5']) });
    if (turn < 95) return call('/lease/keepalive', { ID: this.pick([...LEASES, '5']) });
    if (turn < 98) return call('/lease/timetolive', { ID: this.pick([...LEASES, '5']), keys: this.chance(0.7) });
    return call(this.pick(['/lease/leases', '/kv/lease/leases']), {});
  }

  /** A compaction of all but the last few revisions. */
  compaction(): Call {
    return { path: '/kv/compaction', body: JSON.stringify({ revision: String(this.revision - this.below(8)) }) };
  }

  /** A watch of what was, or of what may have been forgotten; it has a key of its own in its interval. */
  watch(): { request: Record<string, unknown>; key: string } {
    const key = base64(this.pick(['a', 'a/1', 'b']));
    const range_end = this.pick([undefined, 'AA==', base64('c')]);
    const filters = this.pick([undefined, ['NOPUT'], ['NODELETE'], []]);
    const start_revision = String(Math.max(1, this.revision + 1 - this.below(this.chance(0.3) ? 60 : 15)));
    return { request: { key, range_end, filters, start_revision, prev_kv: this.chance(0.5) }, key };
  }

  /** Learns how far the store is from an answer. */
  saw(answer: EtcdAnswer): void {
    const revision = /"revision":"(\d+)"/.exec(answer.text)?.[1];
    if (revision !== undefined) this.revision = Number(revision);
  }
}

/** An answer without what may differ: ids of the cluster, and seconds that passed between the two. */
function comparable({ status, text }: EtcdAnswer): unknown {
  let body: unknown = text;
  try {
    body = JSON.parse(text, (name, value) => {
      if (name === 'cluster_id' || name === 'member_id' || name === 'raft_term') return undefined;
      if (name === 'TTL' && Number(value) > 100) return 'much';
      if ((name === 'keys' || name === 'leases') && Array.isArray(value)) {
        return value.map((each) => JSON.stringify(each)).sort();
      }
      return value;
    });
  } catch {
    // Not JSON: compared as it is.
  }
  return { status, body };
}

/** What a watch tells up to a revision, however it is parted into messages; of one that is cancelled, why. */
async function readWatch(response: Response, lastRevision: number): Promise<object> {
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
  const events: unknown[] = [];
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { events, ended: true };
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const { result } = JSON.parse(line);
        if (result.canceled === true) return { canceled: true, compact_revision: result.compact_revision };
        for (const event of result.events ?? []) {
          events.push(event);
          if (Number(event.kv.mod_revision) >= lastRevision) return { events };
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

describe.skipIf(program === undefined)('real etcd', () => {
  let etcd: Awaited<ReturnType<typeof startEtcd>>;
  beforeAll(async () => {
    etcd = await startEtcd(program ?? '');
  }, 30_000);
  afterAll(() => etcd?.stop());

  test(
    'answers generated sequences of calls as we do',
    async () => {
      // One etcd, one store: what one seed leaves behind, the next one begins with.
      const ours = etcdFace(kvWorld());
      for (let seed = 1; seed <= seedCount(2); seed++) {
        const generator = new Generator(seed);
        const before: string[] = [];
        for (let turn = 0; turn < sized(250); turn++) {
          const call = generator.next();
          const [theirs, mine] = await Promise.all([etcd.post(call.path, call.body), ours.post(call.path, call.body)]);
          generator.saw(theirs);
          before.push(`${call.path} ${call.body}`);
          expect(
            { seed, turn, call: before.slice(-1), ...(comparable(mine) as object) },
            `seed ${seed}, turn ${turn}: ${call.path} ${call.body}`,
          ).toEqual({ seed, turn, call: before.slice(-1), ...(comparable(theirs) as object) });
        }
      }
    },
    60_000 + 50 * seedCount(2) * sized(250),
  );

  test(
    'tells watches of generated histories what we tell, and refuses what is compacted as we do',
    async () => {
      const theirs = await startEtcd(program ?? '');
      try {
        const ours = etcdFace(kvWorld());
        const both = (path: string, body: string) => Promise.all([theirs.post(path, body), ours.post(path, body)]);
        const generator = new Generator(7);
        let compacted = 0;
        const told = { events: 0, cancelled: 0 };
        for (let turn = 0; turn < sized(120); turn++) {
          const call = turn % 12 === 6 ? generator.compaction() : generator.next();
          const [answer] = await both(call.path, call.body);
          generator.saw(answer);
          if (call.path === '/kv/compaction' && answer.status === 200)
            compacted = Number(JSON.parse(call.body).revision);
          if (turn % 4 !== 3) continue;
          const { request, key } = generator.watch();
          // At the compacted revision itself etcd may have forgotten deletions, and we have not.
          if (Number(request['start_revision']) === compacted) continue;
          // The last that the watch is told: of the two, what its filters let through.
          const [put] = await both('/kv/put', JSON.stringify({ key, value: base64(`end ${turn}`) }));
          const [deletion] = await both('/kv/deleterange', JSON.stringify({ key }));
          generator.saw(deletion);
          const last = (request['filters'] as string[] | undefined)?.includes('NODELETE') ? put : deletion;
          const lastRevision = Number(/"revision":"(\d+)"/.exec(last.text)?.[1]);
          const body = JSON.stringify({ create_request: request });
          const [expected, seen] = await Promise.all([
            fetch(`${theirs.url}/v3/watch`, { method: 'POST', body }).then((response) =>
              readWatch(response, lastRevision),
            ),
            (async () => readWatch(await ours.request('/watch', body), lastRevision))(),
          ]);
          expect({ turn, body, told: seen }).toEqual({ turn, body, told: expected });
          told['canceled' in expected ? 'cancelled' : 'events'] += 1;
        }
        // Neither is a rarity.
        expect(Math.min(told.events, told.cancelled)).toBeGreaterThan(2);
      } finally {
        await theirs.stop();
      }
    },
    60_000 + 50 * sized(120),
  );
});
