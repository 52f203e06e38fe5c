import type { Clock } from '../core/clock.ts';
import type { Timer } from '../core/timer.ts';
import type { Limiter } from '../traffic/limit/limiter.ts';
import type { Exchange } from './exchange.ts';
import { type HeldLimits, type Meter, passagesOf } from './held-limits.ts';
import { type LimiterCalls, TELL_AFTER_MS } from './limiter-calls.ts';

/** What meters stand on. */
interface MeterPorts {
  readonly clock: Clock;
  readonly timer: Timer;
}

/** Counts the bytes of bodies for limits that measure them. */
export interface ByteMeter {
  /** Bytes are charged while they pass: what streams for hours would else be free until its end. */
  start(exchange: Exchange, held: HeldLimits): void;
  /** Charges the rest; nothing where no meter was started. */
  finish(exchange: Exchange, held: HeldLimits): void;
}

/** The meter of one isolate; what it counts is charged to `limiter` and told by `tellOf`. */
export function createByteMeter(
  { clock, timer }: MeterPorts,
  limiter: Limiter,
  tellOf: LimiterCalls['tellOf'],
): ByteMeter {
  const charge = (exchange: Exchange, held: HeldLimits, meter: Meter): void => {
    const passed = (exchange.requestBytes ?? meter.uploaded) + (exchange.responseBytes ?? 0);
    const bytes = passed - meter.charged;
    if (bytes <= 0) return;
    meter.charged = passed;
    for (const passage of passagesOf(held))
      limiter.charge(passage, ({ measure }) => (measure === 'bytes' ? bytes : null), clock.now());
  };

  return {
    start(exchange, held) {
      const meter: Meter = { uploaded: 0, charged: 0, stop: () => {} };
      held.meter = meter;
      const { body } = exchange;
      if (exchange.requestBytes === null && body !== null && !(body instanceof Uint8Array)) {
        exchange.body = counted(body, (bytes) => {
          meter.uploaded += bytes;
        });
      }
      const watchOn = async (): Promise<void> => {
        let isOver = false;
        while (!isOver) {
          await new Promise<void>((next) => {
            const callOff = timer(TELL_AFTER_MS, next);
            meter.stop = () => {
              isOver = true;
              callOff();
              next();
            };
          });
          charge(exchange, held, meter);
          for (const passage of passagesOf(held)) tellOf(exchange, passage);
        }
      };
      exchange.waitUntil(watchOn());
    },

    finish(exchange, held) {
      const { meter } = held;
      if (meter === null) return;
      meter.stop();
      charge(exchange, held, meter);
    },
  };
}

/** A body as it was, with somebody told of each piece. */
function counted(body: ReadableStream<Uint8Array>, passed: (bytes: number) => void): ReadableStream<Uint8Array> {
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        passed(piece.byteLength);
        controller.enqueue(piece);
      },
    }),
  );
}
