/**
 * `npm run sim -- --seed N`: the simulation of a queue, a cluster and agents (test/simulation/simulate.ts), replayed
 * exactly. `--seeds M` runs M seeds from there on; `--trace` prints every step; `--without "a,b"` leaves faults out;
 * `--mutations [K]` takes checks out of the source one at a time and shows that the simulation notices, each within K
 * seeds. Prints what was tried; exits 1 where a promise was broken or a mutation was not noticed.
 */
import { parseArgs } from 'node:util';
import { runSeeds } from '../test/simulation/run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    without: { type: 'string', default: '' },
  },
});

const ok = await runSeeds({
  first: Number(values.seed),
  count: Number(values.seeds),
  trace: values.trace,
  without: values.without === '' ? [] : values.without.split(','),
  print: (line) => process.stdout.write(`${line}\n`),
});
process.exitCode = ok ? 0 : 1;
