import type { Random } from '../../../src/core/random.ts';
import type { World } from '../world.ts';
import { instanceOf, isSimulated } from './object-host.ts';
import { ClientSocket } from './sockets.ts';

let world: World | null = null;

function present(): World {
  if (world === null) throw new Error('no world is being simulated');
  return world;
}

/** The randomness of the world being simulated. */
export const worldRandom: Random = {
  next: () => present().random.next(),
  bytes: (length) => present().random.bytes(length),
};

/**
 * Makes the process's clock, timers and randomness those of the world being simulated, and gives it what the runtime
 * has and Node has not. For a process that does nothing but simulate: nothing of it is taken back.
 */
export function becomePlatform(): void {
  Date.now = () => present().nowMs;
  // What an instance goes on with after its end is refused by its storage, and nobody waits for it any more.
  process.on('unhandledRejection', (error) => {
    if (!isSimulated(error)) present().broken('an error that nobody takes', String(error));
  });
  const timers = {
    setTimeout(fire: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) {
      const instance = instanceOf.getStore();
      return present().after(ms, () => {
        if (instance?.dead) return;
        try {
          if (instance === undefined) fire(...args);
          else instanceOf.run(instance, () => fire(...args));
        } catch (error) {
          if (!isSimulated(error)) present().broken('a timer of an object fails', String(error));
        }
      });
    },
    clearTimeout(forget: unknown) {
      if (typeof forget === 'function') forget();
    },
  };
  Object.assign(globalThis, timers, {
    WebSocketPair: class {
      constructor() {
        const client = new ClientSocket(present());
        Object.assign(this, { 0: client, 1: client.server });
      }
    },
    WebSocketRequestResponsePair: class {},
    Response: class {
      constructor(_body: unknown, init: object) {
        Object.assign(this, init);
      }
    },
  });
  Object.defineProperty(crypto, 'getRandomValues', {
    value: (array: Uint8Array | Uint32Array) => {
      const range = 2 ** (8 * array.BYTES_PER_ELEMENT);
      for (const at of array.keys()) array[at] = Math.floor(present().random.next() * range);
      return array;
    },
  });
}

/** Whose clock it is from now on. */
export function inhabit(next: World): void {
  world = next;
}
