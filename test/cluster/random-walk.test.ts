import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { seedCount, sized } from '../scale.ts';
import { settings, World } from './world.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const STEPS = 400;
const SEEDS = 3;

const OTHER = { lease: 'majority', majority: 'lease' } as const;

/**
 * Members come, go, fall silent, vote and resign, settings change, the object dies and is restored from old copies, in any order.
 * After each step: an epoch has one leader for ever, epochs grow, a leader is alive by what was heard of it, and one
 * that resigned leads only after a campaign.
 */
test.each(['lease', 'majority'] as const)(
  'by %s: one leader an epoch, growing epochs, no lease beyond its bound',
  (policy) => {
    let elections = 0;
    let restores = 0;
    for (let seed = 1; seed <= seedCount(SEEDS); seed++) {
      const random = seededRandom(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)];
      const world = new World(settings({ policy, threshold: random.next() < 0.2 ? 2 : null }));
      let declared = policy;
      const leaderOf = new Map<number, string>();
      const resigned = new Set<string>();
      const heardMs = new Map<string, number>();
      let lastEpoch = 0;
      let copy = world.copy();
      let resignedThen = new Set<string>();

      const check = (what: string) => {
        const context = `${policy}, seed ${seed}, ${what}`;
        const { memberId, epoch, leaseRemainingMs } = world.cluster.leader();
        expect(epoch, context).toBeGreaterThanOrEqual(lastEpoch);
        lastEpoch = epoch;
        const led = world.cluster.members().filter((member) => member.election === 'Elected');
        expect(
          led.map((member) => member.memberId),
          context,
        ).toEqual(memberId === null ? [] : [memberId]);
        if (memberId === null) return;
        expect(leaderOf.get(epoch) ?? memberId, context).toBe(memberId);
        if (!leaderOf.has(epoch)) elections++;
        leaderOf.set(epoch, memberId);
        expect(resigned.has(memberId), `${context}: ${memberId} resigned`).toBe(false);
        const silentMs = world.clock.now() - (heardMs.get(memberId) ?? Number.NEGATIVE_INFINITY);
        expect(silentMs, `${context}: silence of ${memberId}`).toBeLessThan(60_000);
        expect(leaseRemainingMs, context).toBeGreaterThan(0);
      };

      const hear = (name: string) => heardMs.set(name, world.clock.now());
      /** A cluster that was down gives its members the grace to be heard of again, as if heard 50 s ago. */
      const forgive = () => {
        for (const name of NAMES) heardMs.set(name, Math.max(heardMs.get(name) ?? 0, world.clock.now() - 50_000));
      };
      const moves: Record<string, (name: string) => void> = {
        join: (name) => {
          world.join(name, { status: pick(['Running', 'Running', 'Running', 'Starting', 'Error', 'Stopping']) });
          hear(name);
        },
        hold: (name) => {
          world.hold(name);
          world.pings.set(name, world.clock.now());
          hear(name);
        },
        ping: (name) => {
          if (!world.pings.has(name)) return;
          world.pings.set(name, world.clock.now());
          hear(name);
        },
        close: (name) => {
          world.pings.delete(name);
          world.cluster.close(name);
        },
        leave: (name) => void world.cluster.leave(name),
        campaign: (name) => {
          if (world.cluster.campaign(name).ok) resigned.delete(name);
        },
        resign: (name) => {
          if (world.cluster.resign(name).ok) resigned.add(name);
        },
        vote: (name) => {
          const ballot = world.cluster.ballot();
          const term = (ballot?.term ?? 1) + (random.next() < 0.1 ? 1 : 0);
          world.cluster.vote({ memberId: name, candidateId: pick(ballot?.candidates ?? NAMES), term });
        },
        pass: () => world.pass(random.next() * 40),
        // Most of the time it is back soon, so that each policy has its share.
        configure: () => {
          declared = declared === policy && random.next() < 0.2 ? OTHER[policy] : policy;
          world.configure(settings({ policy: declared, threshold: pick([null, 2]), leaseSeconds: pick([null, 45]) }));
        },
        // The alarm is late, or never rings.
        stall: () => world.clock.advance(random.next() * 100_000),
        crash: () => {
          world.boot([...world.pings.keys()].filter(() => random.next() < 0.5));
          forgive();
        },
        copy: () => {
          copy = world.copy();
          resignedThen = new Set(resigned);
        },
        restore: () => {
          if (random.next() < 0.7) return;
          restores++;
          world.restore(copy);
          resigned.clear();
          for (const name of resignedThen) resigned.add(name);
          world.boot();
          world.begin();
          forgive();
        },
      };
      for (let at = 0; at < sized(STEPS); at++) {
        const move = pick([...Object.keys(moves), 'vote', 'vote', 'hold', 'join', 'ping', 'campaign']);
        const name = pick(NAMES);
        moves[move](name);
        check(`step ${at}: ${move} ${name}`);
      }
    }
    // The walk went where it should.
    expect(elections).toBeGreaterThan(seedCount(SEEDS) * 8);
    expect(restores).toBeGreaterThan(seedCount(SEEDS) * 3);
  },
);
