/**
 * `npm run sim -- --seed N`: the simulation of a queue, a cluster and agents (test/simulation/simulate.ts), replayed
 * exactly. `--seeds M` runs M seeds from there on; `--trace` prints every step; `--without "a,b"` leaves faults out.
 * `--mutations N` takes checks out of the source, one at a time, and shows that the simulation notices each within N
 * seeds; `--every K` does so with each K-th alone, `--only text` with those whose name has the text. Prints what was
 * tried; exits 1 where a promise was broken or a mutation was not noticed.
 */
import { parseArgs } from 'node:util';
import { runSeeds } from '../test/simulation/run.ts';
import { runMutations } from '../test/simulation/run-mutations.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    without: { type: 'string', default: '' },
    mutations: { type: 'string' },
    every: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});

const print = (line: string) => process.stdout.write(`${line}\n`);
const { mutations, every, only, seed, seeds, trace, without } = values;
const ok =
  mutations === undefined
    ? await runSeeds({
        first: Number(seed),
        count: Number(seeds),
        trace,
        without: without === '' ? [] : without.split(','),
        print,
      })
    : await runMutations({ seeds: Number(mutations), every: Number(every), only, print });
process.exitCode = ok ? 0 : 1;
