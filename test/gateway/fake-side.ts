import { Buffer } from 'node:buffer';
import type { SocketSide } from '../../src/gateway/socket-pump.ts';

/** One side of a WebSocket that is played by a test. */
export interface FakeSide extends SocketSide {
  readyState: number;
  /** What it was sent, and how it was closed. */
  readonly told: unknown[];
  /** Whether messages are listened to. */
  isHeard(): boolean;
  say(data: string | ArrayBuffer): void;
  closed(code: number, reason: string): void;
  failed(message: string): void;
}

export function fakeSide(): FakeSide {
  const listeners = new Map<string, (event: unknown) => void>();
  const told: unknown[] = [];
  const side = {
    told,
    readyState: 1,
    binaryType: 'blob',
    accept: () => undefined,
    addEventListener: (type: string, listener: (event: unknown) => void) => void listeners.set(type, listener),
    removeEventListener: (type: string, listener: (event: unknown) => void) => {
      if (listeners.get(type) === listener) listeners.delete(type);
    },
    isHeard: () => listeners.has('message'),
    send: (data: unknown) => void told.push(data),
    close: (code?: number, reason?: string) => {
      const isTaken = code === undefined || (code >= 1000 && code <= 4999 && ![1004, 1005, 1006, 1015].includes(code));
      if (!isTaken || Buffer.byteLength(reason ?? '') > 123) throw new TypeError('as the platform does');
      told.push(`closed ${code ?? ''} ${reason ?? ''}`);
    },
    say: (data: unknown) => listeners.get('message')?.({ data }),
    closed: (code: number, reason: string) => listeners.get('close')?.({ code, reason }),
    failed: (message: string) => listeners.get('error')?.({ message }),
  };
  return side as unknown as FakeSide;
}
