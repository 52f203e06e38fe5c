import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, createFileRegistry } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type StringValue,
  StringValueSchema,
} from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type Instance, launch } from '../../scripts/launcher.ts';
import type { PolicyEntry } from '../../src/core/protocol/gateway.ts';
import type { CompiledLimit } from '../../src/core/protocol/rate-limit.ts';
import { until } from '../discovery/until.ts';
import { NAMESPACE_UID, rule, type TestConfiguration, upstream } from '../gateway/entries.ts';
import { sized } from '../scale.ts';
import { limitOf } from '../traffic/limit/rules.ts';
import { publish, send } from './gateway-world.ts';

const MiB = 1024 * 1024;
const HOST = 'shop.localhost';
/** A full run sends a gibibyte each way; the usual one far more than the buffers on the way. */
const BODY_BYTES = sized(1) >= 5 ? 1024 * MiB : 24 * MiB;
/** What the JavaScript heap may hold; an isolate has 128 MB in all. */
const HEAP_MB = 64;
const PIECE = Buffer.alloc(64 * 1024, 'a piece of a body. ');

/** What counts an open WebSocket: a limit of those in flight, one of bytes, a bulkhead, and a policy that lets all in. */
const LIMIT_KEY = `policy:${NAMESPACE_UID}/ratelimitpolicies/sockets` as const;
const ANYBODY_KEY = `policy:${NAMESPACE_UID}/authpolicies/anybody` as const;
const LIMITED = { policies: [{ kind: 'RateLimitPolicy', key: LIMIT_KEY, target: 'HTTPRoute' }] } as const;
const GUARDED = { policies: [{ kind: 'AuthPolicy', key: ANYBODY_KEY, target: 'HTTPRoute' }] } as const;
const BYTES = 10_000;

let configuration: TestConfiguration;
let instance: Instance;
let server: http.Server;
let sockets: WebSocketServer;
/** Lets the server go on where a test says so. */
let goOn: () => void = () => undefined;

/** A service of one's own, as a compiler of protocol files would describe it. */
const echoFile = create(FileDescriptorProtoSchema, {
  name: 'echo.proto',
  package: 'test',
  syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [
    {
      name: 'Echo',
      method: ['Say', 'Repeat'].map((name) => ({
        name,
        inputType: '.google.protobuf.StringValue',
        outputType: '.google.protobuf.StringValue',
        serverStreaming: name === 'Repeat',
      })),
    },
  ],
});
const registry = createFileRegistry(echoFile, (name) =>
  name === 'google/protobuf/wrappers.proto' ? file_google_protobuf_wrappers : undefined,
);

function echoService() {
  const service = registry.getService('test.Echo');
  if (service === undefined) throw new Error('the service is not described');
  return service;
}

/** The service's methods, of which only their descriptions are known here. */
interface EchoClient {
  say(message: StringValue): Promise<StringValue>;
  repeat(message: StringValue): AsyncIterable<StringValue>;
}

const rpc = connectNodeAdapter({
  routes: (router) => {
    router.service(echoService(), {
      say: ({ value }: StringValue) => {
        if (value === 'fail') throw new ConnectError('not here', Code.NotFound);
        return create(StringValueSchema, { value: `said ${value}` });
      },
      repeat: async function* ({ value }: StringValue) {
        for (let i = 0; i < 3; i++) yield create(StringValueSchema, { value: `${value} ${i}` });
      },
    } as never);
  },
});

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/test.Echo/')) return rpc(request, response);
    if (path === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: first\n\n');
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      return response.end('data: second\n\n');
    }
    if (path === '/talk') {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.flushHeaders();
      return request.pipe(response);
    }
    if (path.startsWith('/download')) {
      response.writeHead(200, path.endsWith('chunked') ? {} : { 'content-length': BODY_BYTES });
      for (let sent = 0; sent < BODY_BYTES; sent += PIECE.length) {
        if (!response.write(PIECE)) await once(response, 'drain');
      }
      return response.end();
    }
    let bytes = 0;
    for await (const piece of request) bytes += (piece as Buffer).length;
    response.end(JSON.stringify({ bytes, encoding: request.headers['transfer-encoding'] ?? null }));
  });
  sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false });
  sockets.on('connection', (socket, request) => {
    socket.on('message', (data, isBinary) => {
      if (String(data) === 'close') socket.close(4321, 'as asked');
      else if (String(data) === 'close without a word') socket.close();
      else if (String(data) === 'break') socket.terminate();
      else if (String(data) === 'flood') for (let i = 0; i < 64; i++) socket.send(Buffer.alloc(MiB));
      else socket.send(isBinary ? data : `${request.headers['x-forwarded-host']} ${data}`, { binary: isBinary });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  instance = await launch({
    v8Flags: [`--max-old-space-size=${HEAP_MB}`],
    vars: { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' },
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const limit = (name: string, given: Partial<CompiledLimit>) =>
    limitOf({ name, key: [{ type: 'header', name: 'x-client' }], ...given });
  const limits = [
    limit('open', { algorithm: 'concurrency', windowMs: 0, limit: 1 }),
    limit('bytes', { algorithm: 'fixedWindow', windowMs: 3_600_000, measure: 'bytes', limit: BYTES }),
  ];
  const spec = { mode: 'exact', tier: null, dryRun: false, onFailure: 'closed', shards: 1, limits } as const;
  const anybody = { mtls: null, hmac: null, jwt: null, apiKey: null, anonymous: true, authorization: null };
  configuration = {
    upstreams: {
      origin: upstream([address]),
      narrow: upstream([address], { bulkhead: { maxInFlight: 1, maxQueued: 0, queueTimeoutMs: 0 } }),
    },
    policies: {
      [LIMIT_KEY]: { kind: 'RateLimitPolicy', name: 'sockets', namespaceUid: NAMESPACE_UID, spec },
      [ANYBODY_KEY]: {
        kind: 'AuthPolicy',
        name: 'anybody',
        namespaceUid: NAMESPACE_UID,
        spec: { ...anybody, realm: 'api', identityHeaders: [] },
      } as PolicyEntry,
    },
    hosts: {
      [`http://${HOST}`]: [
        rule('/', 'origin'),
        rule('/limited', 'origin', [], LIMITED),
        rule('/narrow', 'narrow'),
        rule('/guarded', 'origin', [], GUARDED),
      ],
    },
  };
  await publish(instance, configuration);
});

afterAll(async () => {
  await instance?.stop();
  sockets.close();
  server.closeAllConnections();
  server.close();
});

/** A WebSocket that was opened, or the status by which it was refused. */
const ask = async (path: string, protocols: string[] = [], client = 'one'): Promise<WebSocket | number> => {
  const socket = new WebSocket(`${instance.url.replace('http', 'ws')}${path}`, protocols, {
    headers: { Host: HOST, 'X-Client': client },
  });
  socket.on('error', () => undefined);
  return await new Promise((resolve) => {
    socket.on('open', () => resolve(socket));
    socket.on('unexpected-response', (_request, response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
  });
};

const open = async (...asked: Parameters<typeof ask>): Promise<WebSocket> => {
  const socket = await ask(...asked);
  if (typeof socket === 'number') throw new Error(`refused by ${socket}`);
  return socket;
};

const closed = async (socket: WebSocket) => {
  const [code, reason] = await once(socket, 'close');
  return [code, String(reason)];
};

describe.each([
  ['that the platform passes on', '/socket'],
  ['that is pumped', '/guarded'],
])('a WebSocket %s', (_, path) => {
  test('passes text and bytes both ways, with the subprotocol that the server chose', async () => {
    const socket = await open(path, ['chat', 'other']);
    expect(socket.protocol).toBe('chat');
    socket.send('héllo');
    expect(String((await once(socket, 'message'))[0])).toBe(`${HOST} héllo`);
    for (const bytes of [Buffer.from([0, 1, 254, 255]), Buffer.alloc(0), Buffer.alloc(4 * MiB, 7)]) {
      socket.send(bytes);
      expect(bytes.equals((await once(socket, 'message'))[0] as Buffer)).toBe(true);
    }
    socket.close();
  });

  test('tells the other side why one has closed, also where it has not said why', async () => {
    const socket = await open(path);
    socket.send('close');
    expect(await closed(socket)).toEqual([4321, 'as asked']);
    const silent = await open(path);
    silent.send('close without a word');
    expect(await closed(silent)).toEqual([1005, '']);
    const heard = once(sockets, 'connection').then(([connection]) => closed(connection));
    const other = await open(path);
    other.close(4000, 'enough');
    expect(await heard).toEqual([4000, 'enough']);
  });

  test('breaks the connection to the upstream where the client vanishes', async () => {
    const heard = once(sockets, 'connection').then(([connection]) => closed(connection));
    (await open(path)).terminate();
    expect(await heard).toEqual([1006, '']);
  });
});

describe('an open WebSocket', () => {
  test('that loses its upstream is closed by what it says', async () => {
    const socket = await open('/guarded');
    socket.send('break');
    expect(await closed(socket)).toEqual([1011, 'the upstream broke the connection']);
  });

  test.each([
    ['/limited', 429],
    ['/narrow', 503],
  ])('holds its place until either side ends it, and gives it back once: %s', async (path, refused) => {
    const isOpened = async () => {
      const asked = await ask(path);
      return typeof asked !== 'number' && asked;
    };
    for (const end of ['close', 'break', 'close here', 'vanish']) {
      const socket = await until('the place was given back', isOpened);
      expect(await ask(path)).toBe(refused);
      const ended = closed(socket);
      if (end === 'vanish') socket.terminate();
      else if (end === 'close here') socket.close();
      else socket.send(end);
      await ended;
    }
  });

  test('has its messages counted by a limit of bytes', async () => {
    const socket = await open('/limited', [], 'two');
    socket.send(Buffer.alloc(BYTES / 2 + 1));
    await once(socket, 'message');
    const ended = closed(socket);
    socket.close();
    await ended;
    await until('the place was given back, and the bytes are used up', async () => {
      const { headers, status } = await send(instance, HOST, '/limited', { headers: { 'x-client': 'two' } });
      return status === 429 && /"bytes";r=0/.test(String(headers.ratelimit));
    });
  });

  test('ends before what its client does not read fills the memory', async () => {
    const heard = once(sockets, 'connection').then(([connection]) => closed(connection));
    const socket = await open('/guarded');
    socket.send('flood');
    socket.pause();
    expect(await heard).toEqual([4005, 'the client reads too slowly']);
    socket.terminate();
  });

  test('ends when its route has gone, though nobody says anything', async () => {
    const socket = await open('/guarded');
    const rules = configuration.hosts[`http://${HOST}`].filter(({ path }) => path === '/limited');
    await publish(instance, { ...configuration, hosts: { [`http://${HOST}`]: rules } });
    expect(await closed(socket)).toEqual([4007, 'its request would no longer be let in']);
    await publish(instance, configuration);
  });
});

describe('streams', () => {
  test('an event arrives before the next one is sent', async () => {
    const request = http.get(`${instance.url}/events`, { headers: { host: HOST } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.headers['content-type']).toBe('text/event-stream');
    expect(String((await once(response, 'data'))[0])).toBe('data: first\n\n');
    goOn();
    expect(String((await once(response, 'data'))[0])).toBe('data: second\n\n');
  });

  test('request and answer may run at once', async () => {
    const request = http.request(`${instance.url}/talk`, { method: 'POST', headers: { host: HOST } });
    request.write('one');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(String((await once(response, 'data'))[0])).toBe('one');
    request.write('two');
    expect(String((await once(response, 'data'))[0])).toBe('two');
    request.end();
    await once(response.resume(), 'end');
  });

  test.each(['with its length', 'in chunks'])(
    'an upload %s passes in constant memory',
    { timeout: 300_000 },
    async (how) => {
      const length = how === 'in chunks' ? {} : { 'content-length': BODY_BYTES };
      const request = http.request(`${instance.url}/upload`, { method: 'POST', headers: { host: HOST, ...length } });
      const answered = once(request, 'response') as Promise<[IncomingMessage]>;
      for (let sent = 0; sent < BODY_BYTES; sent += PIECE.length) {
        if (!request.write(PIECE)) await once(request, 'drain');
      }
      request.end();
      const [response] = await answered;
      let text = '';
      for await (const piece of response) text += piece;
      expect(JSON.parse(text)).toEqual({ bytes: BODY_BYTES, encoding: how === 'in chunks' ? 'chunked' : null });
      expectMemory();
    },
  );

  test.each(['/download', '/download-chunked'])('%s passes in constant memory', { timeout: 300_000 }, async (path) => {
    const request = http.get(instance.url + path, { headers: { host: HOST } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response.headers['content-length']).toBe(path === '/download' ? String(BODY_BYTES) : undefined);
    let bytes = 0;
    for await (const piece of response) bytes += (piece as Buffer).length;
    expect(bytes).toBe(BODY_BYTES);
    expectMemory();
  });

  test('a client that reads slowly holds its upstream back, not the memory', { timeout: 60_000 }, async () => {
    const request = http.get(`${instance.url}/download`, { headers: { host: HOST } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let bytes = 0;
    for await (const piece of response) {
      bytes += (piece as Buffer).length;
      if (bytes < 4 * MiB) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(bytes).toBe(BODY_BYTES);
    expectMemory();
  });

  /** The whole runtime with its local R2 and D1 has some 150 MB before anything is sent. */
  function expectMemory(): void {
    const memory = instance.memory();
    if (memory !== null) expect(memory.peakBytes).toBeLessThan(450 * MiB);
    expect(instance.crashes).toBe(0);
  }
});

describe.each(['gRPC-Web', 'Connect'])('%s, by the client and the server of connectrpc', (protocol) => {
  const client = (): EchoClient => {
    const { port } = new URL(instance.url);
    const options = {
      baseUrl: `http://${HOST}:${port}`,
      httpVersion: '1.1' as const,
      nodeOptions: {
        // Names below localhost are not everywhere looked up.
        lookup: (_name: string, how: { all?: boolean }, done: (...found: unknown[]) => void) =>
          how.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
      },
    };
    const transport =
      protocol === 'Connect' ? createConnectTransport(options as never) : createGrpcWebTransport(options as never);
    return createClient(echoService(), transport) as unknown as EchoClient;
  };

  test('a call, and one that the server answers by several messages', async () => {
    expect((await client().say(create(StringValueSchema, { value: 'hi' }))).value).toBe('said hi');
    const heard: string[] = [];
    for await (const { value } of client().repeat(create(StringValueSchema, { value: 'm' }))) heard.push(value);
    expect(heard).toEqual(['m 0', 'm 1', 'm 2']);
  });

  test('the status of a call that fails is the server’s', async () => {
    const failed = client().say(create(StringValueSchema, { value: 'fail' }));
    await expect(failed).rejects.toMatchObject({ code: Code.NotFound, rawMessage: 'not here' });
  });
});

test('an upgrade to another protocol is not passed on', async () => {
  const answer = await send(instance, HOST, '/upload', { headers: { connection: 'upgrade', upgrade: 'other/1' } });
  expect(answer.status).toBe(200);
});
