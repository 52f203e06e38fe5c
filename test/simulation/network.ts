import { isSimulated, type ObjectHost } from './platform/object-host.ts';
import type { ClientSocket } from './platform/sockets.ts';
import type { World } from './world.ts';

/** No answer came: whether the request was carried out is not known. */
export class NoAnswer extends Error {}

/** A client gives up waiting after this long, beside what it asked the server to wait. */
const PATIENCE_MS = 10_000;

/** What is between processes and objects: it loses, repeats, delays, reorders, and is cut for some. */
export class Network {
  private readonly world: World;
  /** Until when a process is cut off. */
  private readonly cutUntilMs = new Map<string, number>();
  private readonly sockets = new Map<string, Set<ClientSocket>>();

  constructor(world: World) {
    this.world = world;
  }

  /** Calls a method of an object. Throws `NoAnswer`, or what the object refuses with. */
  async call<T>(from: string, to: ObjectHost, method: string, args: readonly unknown[], waitMs = 0): Promise<T> {
    const { world } = this;
    const { faults } = world;
    const answered = new Promise<T>((resolve, reject) => {
      const giveUp = world.after(waitMs + PATIENCE_MS, () => reject(new NoAnswer('timed out')));
      const arrive = (first: boolean) => {
        if (this.isCut(from)) return;
        to.call(method, args).then(
          (answer) => {
            if (!first || faults.hit('reply lost')) return;
            world.after(this.delayMs(), () => {
              if (this.isCut(from)) return;
              giveUp();
              resolve(answer as T);
            });
          },
          (error: unknown) => {
            if (!isSimulated(error)) world.broken(`${to.name}.${method} fails of itself`, String(error));
            if (!first) return;
            giveUp();
            world.after(this.delayMs(), () => reject(new NoAnswer(String(error))));
          },
        );
      };
      if (faults.hit('request lost')) return;
      world.after(this.delayMs(), () => arrive(true));
      if (faults.hit('request twice')) world.after(this.delayMs() + world.below(5_000), () => arrive(false));
    });
    return await answered;
  }

  /** Opens a WebSocket to an object; null where none came about. */
  async connect(from: string, to: ObjectHost): Promise<ClientSocket | null> {
    await this.world.sleep(this.delayMs());
    if (this.isCut(from)) return null;
    const socket = await to.connect();
    if (socket === null) return null;
    const held = this.sockets.get(from) ?? new Set();
    this.sockets.set(from, held.add(socket));
    return socket;
  }

  /** Cuts a process off for a while. Its sockets are half open from then on, for ever: TCP says nothing. */
  cut(name: string, forMs: number): void {
    this.world.trace(name, 'cut off', `for ${forMs} ms`);
    this.cutUntilMs.set(name, this.world.nowMs + forMs);
    for (const socket of this.sockets.get(name) ?? []) socket.cut = true;
    this.sockets.delete(name);
  }

  heal(): void {
    this.cutUntilMs.clear();
  }

  private isCut(name: string): boolean {
    return (this.cutUntilMs.get(name) ?? 0) > this.world.nowMs;
  }

  private delayMs(): number {
    return this.world.faults.hit('message late') ? this.world.below(30_000) : 1 + this.world.below(40);
  }
}
