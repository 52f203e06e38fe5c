import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createLogs, parseLogLevels } from '../../src/observe/log.ts';
import { takeUpTrace, traceparentOf } from '../../src/observe/trace-context.ts';

test('each component logs at its own level, as one JSON object a line', () => {
  const lines: string[] = [];
  const logs = createLogs(parseLogLevels('warn,ingest=debug'), (_level, line) => lines.push(line), manualClock(0));
  logs('api').info('not written');
  logs('ingest').with({ objectId: 'a' }).debug('claimed', { attempt: 1, rows: 9007199254740993n });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      time: '1970-01-01T00:00:00.000Z',
      level: 'debug',
      component: 'ingest',
      message: 'claimed',
      objectId: 'a',
      attempt: 1,
      rows: '9007199254740993',
    },
  ]);
});

test('a level that does not exist is refused by name', () => {
  expect(() => parseLogLevels('info,query=loud')).toThrow('query=loud');
});

test('a valid traceparent is taken up with a span of our own, a malformed one starts a new trace', () => {
  const random = seededRandom(1);
  const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const trace = takeUpTrace(header, random);
  expect(trace.traceId).toBe('0af7651916cd43dd8448eb211c80319c');
  expect(trace.spanId).not.toBe('b7ad6b7169203331');
  expect(trace.parentSpanId).toBe('b7ad6b7169203331');
  expect(traceparentOf(trace)).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
  expect(takeUpTrace(`01${header.slice(2)}-later`, random).traceId).toBe(trace.traceId);
  for (const bad of [undefined, '', 'nonsense', `${header}-more`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`]) {
    const begun = takeUpTrace(bad, random);
    expect(begun.traceId).toMatch(/^(?!0+$)(?!0af7)[0-9a-f]{32}$/);
    expect(begun).toMatchObject({ parentSpanId: null, sampled: false });
  }
});
