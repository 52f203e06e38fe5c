/** The queries that are measured, each as our plan and as the peer's statement. */
import type { IndexDefinition } from '../src/columns/index-definition.ts';
import { BOOL, type ColumnType, DOUBLE, decimal, INT64 } from '../src/columns/types.ts';
import type { Expression } from '../src/query/expression.ts';
import type { AggregateCall, Plan, ScanPlan } from '../src/query/plan.ts';
import type { DatasetSnapshot } from '../src/storage/catalog-records.ts';

type Snapshots = ReadonlyMap<string, DatasetSnapshot>;

export type Asked = readonly [what: string, plan: Plan, sql: string];

/** Writes plans over the tables' schemas. */
class Plans {
  readonly #tables: Snapshots;

  constructor(tables: Snapshots) {
    this.#tables = tables;
  }

  #snapshot(dataset: string) {
    const found = this.#tables.get(dataset);
    if (found === undefined) throw new Error(`there is no table ${dataset}`);
    return found;
  }

  column(dataset: string, name: string): Expression {
    const { schema } = this.#snapshot(dataset);
    const index = schema.findIndex((field) => field.name === name);
    return { node: 'column', index, type: schema[index].type, at: 0 };
  }

  /** The rows that match in full text, best first: columns, then the score. */
  match(dataset: string, columns: readonly string[], field: string, query: string): ScanPlan {
    const { schema } = this.#snapshot(dataset);
    const column = schema.findIndex(({ name }) => name === field);
    const scan = this.scan(dataset, columns);
    const score = { name: '$score', type: DOUBLE, nullable: false };
    return { ...scan, matches: [{ column, query, at: 0 }], score: 0, schema: [...scan.schema, score] };
  }

  scan(dataset: string, columns: readonly string[], filter: Expression | null = null): ScanPlan {
    const { schema } = this.#snapshot(dataset);
    const ordinals = columns.map((name) => schema.findIndex((field) => field.name === name));
    return {
      op: 'scan',
      dataset,
      columns: ordinals,
      filter,
      matches: [],
      score: null,
      schema: ordinals.map((ordinal) => schema[ordinal]),
    };
  }
}

const place = (input: Plan, index: number): Expression => ({
  node: 'column',
  index,
  type: input.schema[index].type,
  at: 0,
});

const compareTo = (name: string, left: Expression, value: bigint | number): Expression => ({
  node: 'call',
  function: name,
  args: [left, { node: 'literal', value, type: left.type, at: 0 }],
  type: BOOL,
  at: 0,
});

function aggregate(
  name: AggregateCall['function'],
  arg: Expression | null,
  type: ColumnType,
  more: Partial<AggregateCall> = {},
): AggregateCall {
  return { function: name, arg, distinct: false, filter: null, parameters: [], type, at: 0, ...more };
}

function group(input: Plan, keys: readonly number[], aggregates: readonly AggregateCall[]): Plan {
  const schema = [
    ...keys.map((key) => input.schema[key]),
    ...aggregates.map(({ type }, i) => ({ name: `a${i}`, type, nullable: true })),
  ];
  return { op: 'aggregate', input, keys: keys.map((key) => place(input, key)), aggregates, schema };
}

function top(input: Plan, key: number, limit: number): Plan {
  const keys = [{ expression: place(input, key), descending: true, nullsFirst: false }];
  return { op: 'sort', input, keys, limit, offset: 0, schema: input.schema };
}

/** What is measured: our plan and the peer's statement. */
export function scans(tables: Snapshots): readonly Asked[] {
  const plans = new Plans(tables);
  const flights = plans.scan('flights', ['origin', 'delay']);
  const routes = plans.scan('flights', ['origin', 'destination', 'delay']);
  const cities = plans.scan('events', ['city', 'amount', 'quantity']);
  const customers = plans.scan('events', ['customer', 'amount']);
  const wide = plans.scan('events', ['wide']);
  const late = compareTo('>', plans.column('flights', 'delay'), 100n);
  const dear: Expression = {
    node: 'and',
    args: [
      compareTo('>', plans.column('events', 'amount'), 5000),
      compareTo('=', plans.column('events', 'quantity'), 7n),
    ],
    type: BOOL,
    at: 0,
  };
  const count = aggregate('count_all', null, INT64);
  const byOrigin = group(flights, [0], [count]);
  const joined: Plan = {
    op: 'join',
    kind: 'inner',
    left: flights,
    right: byOrigin,
    on: [{ left: place(flights, 0), right: place(byOrigin, 0) }],
    residual: null,
    schema: [...flights.schema, ...byOrigin.schema],
  };
  return [
    [
      'flights: group by origin, count, avg',
      group(flights, [0], [count, aggregate('avg', place(flights, 1), DOUBLE)]),
      'SELECT origin, count(*), avg(delay) FROM flights GROUP BY origin',
    ],
    [
      'flights: count where delay > 100',
      group(plans.scan('flights', [], late), [], [count]),
      'SELECT count(*) FROM flights WHERE delay > 100',
    ],
    ['flights: top 10 by delay', top(flights, 1, 10), 'SELECT origin, delay FROM flights ORDER BY delay DESC LIMIT 10'],
    [
      'flights: delay = 1688',
      plans.scan('flights', ['origin', 'delay'], compareTo('=', plans.column('flights', 'delay'), 1688n)),
      'SELECT origin, delay FROM flights WHERE delay = 1688',
    ],
    [
      'flights: group by origin, destination',
      group(routes, [0, 1], [count, aggregate('avg', place(routes, 2), DOUBLE)]),
      'SELECT origin, destination, count(*), avg(delay) FROM flights GROUP BY 1, 2',
    ],
    [
      'flights: join to 229 origins, sum',
      group(joined, [], [aggregate('sum', place(joined, 3), decimal(38, 0)), count]),
      'SELECT sum(n), count(*) FROM flights JOIN (SELECT origin, count(*) n FROM flights GROUP BY 1) o USING (origin)',
    ],
    [
      'flights: approx_quantile by origin',
      group(flights, [0], [aggregate('approx_quantile', place(flights, 1), INT64, { parameters: [0.9] })]),
      'SELECT origin, approx_quantile(delay, 0.9) FROM flights GROUP BY origin',
    ],
    [
      'events: group by nullable city, sums',
      group(
        cities,
        [0],
        [aggregate('sum', place(cities, 1), DOUBLE), aggregate('sum', place(cities, 2), decimal(38, 0)), count],
      ),
      'SELECT city, sum(amount), sum(quantity), count(*) FROM events GROUP BY city',
    ],
    [
      'events: group by 500,000 customers, sum',
      group(customers, [0], [aggregate('sum', place(customers, 1), DOUBLE)]),
      'SELECT customer, sum(amount) FROM events GROUP BY customer',
    ],
    [
      'events: count distinct customers',
      group(customers, [], [aggregate('count', place(customers, 0), INT64, { distinct: true })]),
      'SELECT count(DISTINCT customer) FROM events',
    ],
    [
      'events: count by two conditions',
      group(plans.scan('events', [], dear), [], [count]),
      'SELECT count(*) FROM events WHERE amount > 5000 AND quantity = 7',
    ],
    [
      'events: top 10 by amount',
      top(plans.scan('events', ['id', 'city', 'amount']), 2, 10),
      'SELECT id, city, amount FROM events ORDER BY amount DESC LIMIT 10',
    ],
    [
      'events: one id',
      plans.scan('events', ['id', 'city', 'amount'], compareTo('=', plans.column('events', 'id'), 1_234_567n)),
      'SELECT id, city, amount FROM events WHERE id = 1234567',
    ],
    [
      'events: exact sum of integers beyond 2^53',
      group(wide, [], [aggregate('sum', place(wide, 0), decimal(38, 0))]),
      'SELECT sum(wide) FROM events',
    ],
  ];
}

/** What the indexes of `INDEXES` answer; the peer has none and looks at every row its statistics leave. */
export function lookups(tables: Snapshots): readonly Asked[] {
  const plans = new Plans(tables);
  const one = compareTo('=', plans.column('events', 'customer'), 4242n);
  const words = plans.match('events', ['id', 'city'], 'city', '123');
  const counted = { ...words, columns: [], score: null, schema: [] };
  const homes = plans.match('flights', ['origin', 'delay'], 'origin', 'hnl');
  return [
    [
      'events: one customer, two columns, by btree',
      plans.scan('events', ['customer', 'amount'], one),
      'SELECT customer, amount FROM events WHERE customer = 4242',
    ],
    [
      'events: MATCH a word of city, top 10 by score',
      top(words, 2, 10),
      "SELECT id, city FROM events WHERE contains(city, '123') LIMIT 10",
    ],
    [
      'events: MATCH a word of city, count',
      group(counted, [], [aggregate('count_all', null, INT64)]),
      "SELECT count(*) FROM events WHERE contains(city, '123')",
    ],
    [
      'flights: MATCH an origin, top 10 by score',
      top(homes, 2, 10),
      "SELECT origin, delay FROM flights WHERE contains(lower(origin), 'hnl') LIMIT 10",
    ],
  ];
}

/** Built before `lookups` are asked. */
export const INDEXES: readonly (readonly [dataset: string, IndexDefinition])[] = [
  ['events', { name: 'by_customer', kind: 'btree', fields: ['customer'], options: {} }],
  ['events', { name: 'city_words', kind: 'fulltext', fields: ['city'], options: {} }],
  ['flights', { name: 'origin_words', kind: 'fulltext', fields: ['origin'], options: {} }],
];
