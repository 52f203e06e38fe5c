import { AsyncLocalStorage } from 'node:async_hooks';
import type { World } from '../world.ts';
import { Disk, Gone, storageOf } from './disk.ts';
import type { ClientSocket, ServerSocket, SocketHost } from './sockets.ts';

/** What the platform may do to an object: a class of this shape. */
export type ObjectClass = new (ctx: unknown, env: unknown) => object;

/** In which instance code runs: its timers end with it. */
export const instanceOf = new AsyncLocalStorage<{ readonly dead: boolean }>();

/** One instance of the object: what memory holds. */
interface Life {
  readonly instance: Record<string, (...args: unknown[]) => unknown>;
  ready: Promise<unknown>;
  dead: boolean;
  readonly mourners: Set<(error: Error) => void>;
  /** Calls under way, which keep it from being evicted. */
  busy: number;
}

/** The request was cut off: the object died under it, and what became of it is not known. */
export class Broken extends Error {}

const RETRY_MS = 2_000;
const ALARM_RETRIES = 6;

/**
 * A Durable Object as the platform runs it: made when it is called, one at a time, its answers held back until its
 * writes are safe, its memory gone at any moment, its alarm late, twice or never.
 */
export class ObjectHost implements SocketHost {
  readonly name: string;
  readonly world: World;
  readonly disk: Disk;
  /** Called when writes have become safe, before anybody is told, or when a crash took them back. */
  committed: (kept: boolean) => void = () => {};
  private readonly made: ObjectClass;
  private readonly env: unknown;
  private life: Life | null = null;
  private sockets: ServerSocket[] = [];
  /** The alarm that the platform has in mind. */
  private awaited: { readonly setting: number; readonly cancel: () => void } | null = null;

  constructor(world: World, name: string, made: ObjectClass, env: unknown) {
    this.world = world;
    this.name = name;
    this.made = made;
    this.env = env;
    this.disk = new Disk(world);
    this.disk.settled = (kept) => {
      this.committed(kept);
      if (kept) this.awaitAlarm(false);
    };
  }

  /** Calls a method as an RPC does. Throws `Broken` where the object dies meanwhile, and what the method throws. */
  async call(method: string, args: readonly unknown[]): Promise<unknown> {
    const life = this.awake();
    life.busy += 1;
    try {
      await this.orDeath(life, life.ready);
      const work = instanceOf.run(life, () => Promise.resolve(life.instance[method](...args)));
      const answer = await this.orDeath(life, work);
      await this.orDeath(life, this.safe(life));
      return answer;
    } finally {
      life.busy -= 1;
    }
  }

  /** Reads on in a stream that the object answered with; null at its end. */
  reading(stream: ReadableStream<Uint8Array>): { next(): Promise<Uint8Array | null>; cancel(): void } {
    const life = this.awake();
    const reader = stream.getReader();
    life.busy += 1;
    return {
      next: async () => {
        const { done, value } = await this.orDeath(life, reader.read());
        await this.orDeath(life, this.safe(life));
        return done ? null : value;
      },
      cancel: () => {
        life.busy -= 1;
        if (!life.dead) void reader.cancel().catch(() => {});
      },
    };
  }

  /** Opens a WebSocket; null where the object died meanwhile. */
  async connect(): Promise<ClientSocket | null> {
    const answer = (await this.call('fetch', [new Request('https://object/connect')]).catch(() => null)) as {
      webSocket?: ClientSocket;
    } | null;
    return answer?.webSocket ?? null;
  }

  /** The machine it ran on stops: memory and sockets are gone, and writes that were not safe, or they are kept. */
  kill(keep: boolean): void {
    this.world.trace(this.name, 'killed', keep ? 'its writes kept' : 'its writes lost');
    this.end();
    this.disk.crash(keep);
    for (const socket of this.sockets.splice(0)) {
      socket.readyState = 3;
      socket.client.ended(1006);
    }
    this.awaitAlarm(true);
  }

  /** Memory goes where nothing is under way; sockets hibernate. */
  evict(): boolean {
    if (this.life === null || this.life.busy > 0 || this.disk.dirty) return false;
    this.world.trace(this.name, 'evicted');
    this.end();
    return true;
  }

  /** The alarm will not ring, and nobody is told. */
  loseAlarm(): void {
    this.awaited?.cancel();
  }

  whenSafe(then: () => void): void {
    const { life } = this;
    this.disk.whenSafe(() => {
      if (life === this.life) then();
    });
  }

  received(socket: ServerSocket, text: string): void {
    void this.call('webSocketMessage', [socket, text]).catch((error) => this.failed('a message', error));
  }

  closed(socket: ServerSocket): void {
    this.sockets = this.sockets.filter((each) => each !== socket);
    void this.call('webSocketClose', [socket, 1006, '', false]).catch((error) => this.failed('a close', error));
  }

  /** Ends the world for it. */
  dispose(): void {
    this.end();
    this.disk.close();
  }

  private failed(what: string, error: unknown): void {
    this.world.trace(this.name, `${what} failed:`, String(error));
    if (!(error instanceof Broken) && !isSimulated(error))
      this.world.broken('an object fails of itself', String(error));
  }

  private awake(): Life {
    if (this.life !== null) return this.life;
    const mourners = new Set<(error: Error) => void>();
    const life = { ready: Promise.resolve() as Promise<unknown>, dead: false, mourners, busy: 0 } as unknown as Life;
    this.life = life;
    const alive = () => {
      if (life.dead) throw new Gone('this instance is no more');
    };
    const ctx = {
      id: { name: this.name, toString: () => this.name },
      storage: storageOf(this.disk, alive),
      blockConcurrencyWhile: (work: () => Promise<unknown>) => {
        life.ready = life.ready.then(() => instanceOf.run(life, work));
        life.ready.catch((error: unknown) => this.stillborn(life, error));
        return life.ready;
      },
      acceptWebSocket: (socket: ServerSocket, tags: readonly string[] = []) => {
        socket.tags = tags;
        socket.host = this;
        this.sockets.push(socket);
      },
      getWebSockets: (tag?: string) => this.sockets.filter(({ tags }) => tag === undefined || tags.includes(tag)),
      getTags: ({ tags }: ServerSocket) => tags,
      setWebSocketAutoResponse() {},
      getWebSocketAutoResponseTimestamp: (socket: ServerSocket) =>
        socket.lastPingMs === null ? null : new Date(socket.lastPingMs),
      waitUntil(promise: Promise<unknown>) {
        void promise.catch(() => {});
      },
    };
    Object.assign(life, { instance: this.begin(life, ctx) });
    return life;
  }

  private begin(life: Life, ctx: unknown): object {
    try {
      return instanceOf.run(life, () => new this.made(ctx, this.env));
    } catch (error) {
      life.ready = Promise.reject(error);
      life.ready.catch(() => this.stillborn(life, error));
      return {};
    }
  }

  /** An object that cannot begin is begun again by the next that calls it. */
  private stillborn(life: Life, error: unknown): void {
    if (!life.dead) this.failed('its beginning', error);
    this.end(life);
  }

  private end(of: Life | null = this.life): void {
    if (of === null || of.dead) return;
    of.dead = true;
    if (this.life === of) this.life = null;
    for (const mourn of of.mourners) mourn(new Broken(`${this.name} died`));
    of.mourners.clear();
  }

  private safe(life: Life): Promise<void> {
    return new Promise((resolve) => {
      this.disk.whenSafe(() => {
        if (!life.dead) resolve();
      });
    });
  }

  private orDeath<T>(life: Life, work: Promise<T>): Promise<T> {
    if (life.dead) return Promise.reject(new Broken(`${this.name} died`));
    return new Promise<T>((resolve, reject) => {
      life.mourners.add(reject);
      work.then(resolve, reject).finally(() => life.mourners.delete(reject));
    });
  }

  /** Has the alarm ring as it is set, or as faults have it. */
  private awaitAlarm(anew: boolean): void {
    const { alarmAtMs, alarmSetting: setting } = this.disk;
    if (!anew && this.awaited?.setting === setting) return;
    this.awaited?.cancel();
    this.awaited = null;
    if (alarmAtMs === null) return;
    const { faults } = this.world;
    const inMs = Math.max(0, alarmAtMs - this.world.nowMs);
    if (faults.hit('alarm never')) {
      this.awaited = { setting, cancel: () => {} };
      return;
    }
    const lateMs = faults.hit('alarm late') ? this.world.below(600_000) : this.world.below(300);
    const cancel = this.world.after(inMs + lateMs, () => {
      this.awaited = null;
      if (this.disk.alarmSetting !== setting) return;
      this.disk.setAlarm(null);
      this.ring(0);
      if (faults.hit('alarm twice')) this.world.after(this.world.below(60_000), () => this.ring(ALARM_RETRIES));
    });
    this.awaited = { setting, cancel };
  }

  private ring(retries: number): void {
    this.world.trace(this.name, 'alarm');
    this.call('alarm', [{ isRetry: retries > 0, retryCount: retries }]).catch((error) => {
      this.failed('the alarm', error);
      if (retries < ALARM_RETRIES) this.world.after(RETRY_MS * 2 ** retries, () => this.ring(retries + 1));
    });
  }
}

/** An error that a fault made, or that follows from one. */
export function isSimulated(error: unknown): boolean {
  return (
    error instanceof Broken || error instanceof Gone || (error instanceof Error && /simulated/.test(error.message))
  );
}
