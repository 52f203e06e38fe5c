import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { EndpointRefused } from '../../src/gateway/endpoint.ts';
import type { CallOutcome, Exchange } from '../../src/gateway/exchange.ts';
import { HeaderList } from '../../src/gateway/header-list.ts';
import { sendMirror } from '../../src/gateway/mirror.ts';
import type { UpstreamStage } from '../../src/gateway/pipeline.ts';
import { upstream } from './entries.ts';

/** What a mirror's upstream is told of a call that ends so. */
async function told(failure: Error): Promise<(CallOutcome | 'end')[]> {
  const heard: (CallOutcome | 'end')[] = [];
  const upstreams = {
    begin: () => ({
      address: 'http://mirror',
      timeoutMs: 0,
      answered: (outcome: CallOutcome) => heard.push(outcome),
      end: () => heard.push('end'),
    }),
  } as unknown as UpstreamStage;
  const exchange = {
    request: new Request('http://shop.example.com/'),
    target: { host: 'shop.example.com', search: '' },
    headers: new HeaderList(),
    body: null,
    upstreamPath: '/',
    upstreamHost: null,
  } as unknown as Exchange;
  const send = () => Promise.reject(failure);
  await sendMirror(exchange, 'uid/mirror', upstream(['http://mirror']), upstreams, send, manualClock(0));
  return heard;
}

test('a mirror that may not be called counts against no endpoint, one that fails does', async () => {
  expect(await told(new EndpointRefused('private'))).toEqual([{ status: null, fault: 'refused', headMs: 0 }, 'end']);
  expect(await told(new TypeError('no such address'))).toMatchObject([{ fault: 'refused' }, 'end']);
  expect(await told(new Error('connection lost'))).toMatchObject([{ fault: 'connect' }, 'end']);
});
