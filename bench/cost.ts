/** The counts of `bench/counts.ts` in dollars: `npx node bench/cost.ts` counts anew and writes docs/cost.md. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../src/core/limits.ts';
import { METRICS_HUB_NAMES } from '../src/core/protocol/metrics-hub.ts';
import { type CoordinationCost, countMemberCosts, countStateCosts, countTaskCosts } from './coordination-costs.ts';
import { type Costs, type Counts, countAll, type QueryCount, type StepCount } from './counts.ts';

/** US dollars a million, above what a plan includes. Source: Cloudflare's pricing pages, read on `PRICES_DATE`. */
const PRICES = {
  classA: 4.5,
  classB: 0.36,
  rowsRead: 0.001,
  rowsWritten: 1,
  /** An operation is 64 KB written, read or deleted: a message is three. */
  queueOperations: 0.4,
  requests: 0.3,
  cpuMs: 0.02,
  objectRequests: 0.15,
} as const;
const PRICES_DATE = '2026-11-21';
const R2_GB_MONTH = 0.015;
const D1_GB_MONTH = 0.75;
const SWEEPS_A_MONTH = 60 * 24 * 30;
const OPERATIONS_A_MESSAGE = 3;
/** Of a Durable Object, which is billed for 128 MB while it is awake. */
const GB_SECOND = 0.0000125;
const OBJECT_GB = 0.128;
const OBJECT_GB_MONTH = 0.2;
const SECONDS_A_MONTH = 30 * 86_400;
/** Of a request through the gateway's whole pipeline on workerd: docs/benchmarks.md. */
const GATEWAY_CPU_MS = 0.7;
/** Of a WebSocket that is pumped: for a second that it is open, and for a message of 100 bytes (docs/decisions/0189). */
const SOCKET_CPU_MS = { aSecond: 0.064, aMessage: 0.063 };
/** The bucket is listed that often for files of the gateway that are lost, a thousand shards a call. */
const LISTED_EVERY_SECONDS = 300;
/** What the simulated leases of docs/rate-limits.md ask of their object for a thousand requests, at the least and the most. */
const LEASE_CALLS = [37, 172] as const;
/** A delta of counters is a row, and now and then one more. */
const METRICS_ROWS = 1.06;
/** 0.8 to 1.1 s for 58.5 MB. */
const CPU_SECONDS_A_GB = 17;

/** Dollars by meter. */
interface Bill {
  readonly r2: number;
  readonly d1: number;
  readonly queue: number;
}

function billOf({ classA, classB, rowsRead, rowsWritten, messages }: Costs): Bill {
  return {
    r2: (classA * PRICES.classA + classB * PRICES.classB) / 1e6,
    d1: (rowsRead * PRICES.rowsRead + rowsWritten * PRICES.rowsWritten) / 1e6,
    queue: (messages * OPERATIONS_A_MESSAGE * PRICES.queueOperations) / 1e6,
  };
}

function total({ r2, d1, queue }: Bill): number {
  return r2 + d1 + queue;
}

function dollars(amount: number): string {
  if (amount === 0) return '$0';
  return `$${amount >= 0.1 ? amount.toFixed(2) : amount.toPrecision(2)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function stepRow({ what, objects, sourceBytes, costs }: StepCount): string[] {
  const bill = billOf(costs);
  const gigabytes = sourceBytes / 1e9;
  return [
    what,
    ...[bill.r2, bill.d1, bill.queue].map((amount) => dollars((amount * 1e6) / Math.max(1, objects))),
    dollars((total(bill) * 1e6) / Math.max(1, objects)),
    gigabytes === 0 ? '' : dollars(total(bill) / gigabytes),
  ];
}

function queryRow({ what, cold, warm }: QueryCount): string[] {
  return [
    what,
    `${warm.classB} / ${cold.classB}`,
    String(warm.rowsRead),
    dollars(total(billOf(warm)) * 1e6),
    dollars(total(billOf(cold)) * 1e6),
  ];
}

function coordinationRow({ what, rowsWritten, requests }: CoordinationCost, times: number): string[] {
  const rows = (rowsWritten * times * PRICES.rowsWritten) / 1e6;
  const asked = (requests * times * (PRICES.requests + PRICES.objectRequests)) / 1e6;
  const count = (value: number) =>
    value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toFixed(3)));
  return [what, count(rowsWritten), count(requests), dollars(rows), dollars(asked), dollars(rows + asked)];
}

/** One step's bill, written out, so that the tables can be checked by hand. */
function example({ what, costs, objects }: StepCount): string {
  const { classA, classB, rowsRead, rowsWritten, messages } = costs;
  const sum = total(billOf(costs)) / objects;
  return [
    `For example "${what}": (${classA} × $${PRICES.classA} + ${classB} × $${PRICES.classB}`,
    ` + ${rowsRead} × $${PRICES.rowsRead} + ${rowsWritten} × $${PRICES.rowsWritten}`,
    ` + ${messages} × ${OPERATIONS_A_MESSAGE} × $${PRICES.queueOperations}) ÷ ${objects} = ${dollars(sum * 1e6)} a million objects.`,
  ].join('');
}

function coordinationPart(): string {
  const head = ['what', 'rows written', 'requests', 'rows', 'requests', 'together'];
  const awake = GB_SECOND * OBJECT_GB * SECONDS_A_MONTH;
  return `## Tasks and clusters

Rows written and requests, counted by the machines themselves over SQLite; each request is one to the Worker and one to
a Durable Object. Dollars for a million tasks:

${table(
  head,
  countTaskCosts().map((cost) => coordinationRow(cost, 1e6)),
)}

Rows are what a task costs. A task that holds a hundred pieces of work costs what one costs: docs/scale.md does the sum.

For a million writes of a cluster's state, with what they make the history forget:

${table(
  head,
  countStateCosts().map((cost) => coordinationRow(cost, 1e6)),
)}

For a member and a month, the cluster's alarms among its rows:

${table(
  head,
  countMemberCosts().map((cost) => coordinationRow(cost, 1)),
)}

An object is billed for its memory while it is awake, asked or not: ${dollars(awake)} a month if it never sleeps. It sleeps ten
seconds after the last request; a claim that waits keeps it awake, a WebSocket does not. Twenty messages over a
WebSocket are billed as one request, pings as none. A GB kept in an object is $${OBJECT_GB_MONTH.toFixed(2)} a month.
`;
}

function gatewayPart(): string {
  const calls = (count: number) => (count * PRICES.objectRequests) / 1e6;
  const awake = GB_SECOND * OBJECT_GB * SECONDS_A_MONTH;
  const checks = (SECONDS_A_MONTH * (PRICES.rowsWritten + PRICES.objectRequests)) / 1e6;
  const reads = (SECONDS_A_MONTH * 1_000) / LIMITS.gatewaySyncMs;
  const flushes = (SECONDS_A_MONTH * 1_000) / LIMITS.metricsFlushMs;
  const rows = (flushes * METRICS_ROWS * PRICES.rowsWritten) / 1e6;
  const listing = ((SECONDS_A_MONTH / LISTED_EVERY_SECONDS) * PRICES.classA) / 1e6;
  const socket = (SOCKET_CPU_MS.aSecond * SECONDS_A_MONTH * PRICES.cpuMs) / 1e6;
  const [fewest, most] = LEASE_CALLS.map((each) => dollars(calls(each * 1_000)));
  return `## Passing on

A million requests through the gateway: ${dollars(PRICES.requests)} for themselves and ${dollars(GATEWAY_CPU_MS * PRICES.cpuMs)} for ${GATEWAY_CPU_MS} ms of CPU each; nothing is
asked of anything else on the way but by rate limits: ${dollars(calls(1e6))} where they are exact, ${fewest} to ${most} where they are leased.

What is asked beside them does not grow with requests. For an isolate that is busy all month:

${table(
  ['what', 'a month', 'dollars'],
  [
    ['control reads, one in 5 s', reads.toLocaleString('en'), dollars(calls(reads))],
    ['flushes of counters, one in 10 s', flushes.toLocaleString('en'), dollars(calls(flushes) + rows)],
  ],
)}

For all isolates together: the UpstreamMonitor object and ${METRICS_HUB_NAMES.length} MetricsHub objects are awake while there is traffic, ${dollars(awake)} a month each
if there always is. An EndpointChecker object, one for ${LIMITS.endpointsPerChecker} endpoints that are checked, is always awake, and its alarm rings
each second at most: ${dollars(awake + checks)} a month. A publication writes a shard or two and a manifest (class A), and each isolate reads them once.
To find what is lost the bucket is listed every five minutes, ${dollars(listing)} a month for a thousand shards.

A WebSocket that is pumped (docs/gateway.md) costs ${dollars(socket)} a month while it is open, and ${dollars(SOCKET_CPU_MS.aMessage * PRICES.cpuMs)} for a million
messages of 100 bytes; its isolate counts as busy. One that is untouched costs the request that opened it.

`;
}

export function costPage(counts: Counts): string {
  const { steps, queries, rows, segments } = counts;
  const sweep = steps.find(({ objects }) => objects === 0);
  const batch = steps.find(({ objects }) => objects > 1);
  if (sweep === undefined || batch === undefined) throw new Error('a sweep and a batch are among what is counted');
  const idle = total(billOf(sweep.costs)) * SWEEPS_A_MONTH;
  return `# What it costs

Written by \`npx node bench/cost.ts\`: the operations that taking in and asking do, counted, at Cloudflare's prices of
${PRICES_DATE} in US dollars above what a plan includes. Counts do not depend on the machine; CPU does and is left to
the end.

${table(
  ['meter', 'price'],
  [
    ['R2 class A (put, part, list)', `$${PRICES.classA.toFixed(2)} a million`],
    ['R2 class B (get, head)', `$${PRICES.classB} a million`],
    ['R2 storage', `$${R2_GB_MONTH} a GB and month; egress is free`],
    ['D1 rows written', `$${PRICES.rowsWritten.toFixed(2)} a million, each index entry one`],
    ['D1 rows read', `$${PRICES.rowsRead} a million`],
    ['D1 storage', `$${D1_GB_MONTH} a GB and month`],
    [
      'Queues',
      `$${PRICES.queueOperations.toFixed(2)} a million operations; a message of ours is one write, one read, one delete`,
    ],
    [
      'Durable Objects',
      `$${PRICES.objectRequests.toFixed(2)} a million requests, $${PRICES.rowsWritten.toFixed(2)} a million rows written, $${(GB_SECOND * 1e6).toFixed(2)} a million GB-seconds`,
    ],
    ['Workers', `$${PRICES.requests.toFixed(2)} a million requests, $${PRICES.cpuMs} a million CPU milliseconds`],
  ],
)}

## Taking in

Dollars for a million objects of the kind, by meter, and for a GB (10⁹ bytes) of source.

${table(['what', 'R2', 'D1', 'queue', 'a million', 'a GB of source'], steps.filter(({ objects }) => objects > 0).map(stepRow))}

${example(batch)}

Small objects are dear: each is two writes before anything is done with it, the object and its row in the ledger. Objects
of megabytes cost next to nothing. Queue messages only point at an object, so they cost the same whatever its size.

A sweep runs every minute, used or not: ${dollars(idle)} a month (${sweep.costs.classA} class A, ${sweep.costs.rowsRead} rows read, times ${SWEEPS_A_MONTH.toLocaleString('en')}).

## Asking

Over ${rows.toLocaleString('en')} log lines in ${segments} segments; reads with footers and index directories at hand, and by an isolate
that has read nothing yet. Dollars for a million queries.

${table(['what', 'R2 reads warm / cold', 'D1 rows read', 'warm', 'cold'], queries.map(queryRow))}

R2 bills a read, not its bytes, and reads that lie side by side are made as one.

${coordinationPart()}
${gatewayPart()}## What is not counted here

- Requests: one for an upload or a query ($${PRICES.requests.toFixed(2)} a million), one more for a batch the queue delivers.
- CPU: ${CPU_SECONDS_A_GB} CPU seconds a GB of NDJSON on workerd (docs/decisions/0080, local R2 and D1 included): ${dollars((CPU_SECONDS_A_GB * 1000 * PRICES.cpuMs) / 1e6)} a GB.
- The control plane, a Durable Object that sleeps between calls: an isolate with work asks it every few seconds.
- Storage: the source stays until it is deleted, its segments beside it, and what the indexes take (bytes written in
  docs/benchmarks.md); a GB kept a month is $${R2_GB_MONTH}.
`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '..', 'docs', 'cost.md'), costPage(await countAll()));
