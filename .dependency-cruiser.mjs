/**
 * The dependency rule: a file imports from its own room or from a lower floor, never sideways, never up.
 * The floors, lowest first; a new room is one entry here.
 */
export const FLOORS = [
  ['src/core'],
  // The gateway's decisions: what control compiles for and the data plane runs.
  ['src/traffic'],
  ['src/columns'],
  // Parquet pages to columns and back, shared by formats and segment.
  ['src/parquet'],
  ['src/formats', 'src/segment', 'src/storage', 'src/observe'],
  ['src/access', 'src/ingest', 'src/indexing', 'src/query', 'src/control', 'src/tasks', 'src/cluster', 'src/discovery'],
  // The platform's own tasks set the machines to work.
  ['src/work'],
  // Vars to configuration, bindings to ports: what every door needs and no machine may see.
  ['src/config.ts', 'src/deps.ts'],
  ['src/api', 'src/gateway', 'durable-objects', 'queues'],
  // What the entry is composed of.
  ['src/health.ts'],
  ['src/worker.ts'],
];

const pattern = (rooms) =>
  `^(${rooms.map((room) => (room.endsWith('.ts') ? `${room.replace('.', '\\.')}$` : `${room}/`)).join('|')})`;

/** For each room, the one rule that forbids it every room that is not below it. */
const floorRules = FLOORS.flatMap((rooms, floor) =>
  rooms.map((room) => {
    const forbidden = FLOORS.slice(floor)
      .flat()
      // The two files of the configuration's floor may see each other: deps.ts is built from config.ts.
      .filter((other) => other !== room && !(room === 'src/deps.ts' && other === 'src/config.ts'));
    return {
      name: `${room} imports only from below`,
      comment: 'A file imports from its own room or from a lower floor (docs/hacking.md).',
      severity: 'error',
      from: { path: pattern([room]) },
      to: { path: forbidden.length === 0 ? '^$' : pattern(forbidden) },
    };
  }),
);

const WORKER = '^(src|durable-objects|queues)/';
const DOORS = pattern(FLOORS.slice(7).flat());

export default {
  forbidden: [
    ...floorRules,
    {
      name: 'every file has a floor',
      comment: 'A new room is one entry in FLOORS.',
      severity: 'error',
      from: { path: WORKER, pathNot: pattern(FLOORS.flat()) },
      to: {},
    },
    {
      name: 'machines see ports, not the platform',
      comment: 'cloudflare:* modules belong to the doors; a machine gets what it needs passed in.',
      severity: 'error',
      from: { path: WORKER, pathNot: DOORS },
      to: { path: '^cloudflare:' },
    },
    {
      name: 'the Worker has no disk, no processes and no raw sockets',
      comment: 'Other Node modules come from nodejs_compat.',
      severity: 'error',
      from: { path: WORKER },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|child_process|cluster|dgram|http|https|http2|net|os|tls|vm|worker_threads|sqlite)(/|$)',
      },
    },
    {
      name: 'the Worker ships no development dependency',
      severity: 'error',
      from: { path: WORKER },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'the Worker knows nothing of tests and scripts',
      severity: 'error',
      from: { path: WORKER },
      to: { path: '^(test|scripts|bench|agent|console)/' },
    },
    {
      name: 'the agent and the command line stand on core and discovery alone',
      comment: 'They speak to the Worker over HTTP, as anybody does.',
      severity: 'error',
      from: { path: '^agent/' },
      to: { path: '^(src|durable-objects|queues|test|scripts|bench)/', pathNot: '^src/(core|discovery)/' },
    },
    {
      name: 'the agent needs no development dependency but what bundles it',
      severity: 'error',
      from: { path: '^agent/', pathNot: '^agent/bin/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'every import resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^cloudflare:' },
    },
    {
      name: 'no cycles',
      comment: 'Two files that need each other are one idea in two places. Types may refer to each other.',
      severity: 'error',
      from: { path: '^(src|durable-objects|queues|agent)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    // dependency-cruiser cannot drive TypeScript 7, which has no JavaScript API: swc reads the same syntax.
    parser: 'swc',
    tsPreCompilationDeps: true,
    // A WebAssembly module read as source would keep the parser busy for minutes.
    doNotFollow: { path: 'node_modules|\\.wasm$' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['workerd', 'worker', 'browser', 'import', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.wasm', '.json'],
    },
  },
};
