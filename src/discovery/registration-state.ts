import type { Random } from '../core/random.ts';
import { backoffMs } from './backoff.ts';

/** Where a registration stands and what it does next, at `dueMs`. */
export type RegistrationState =
  | {
      /** The registry has it not, or no longer: it is registered at `dueMs`. */
      readonly phase: 'registering';
      readonly dueMs: number;
      readonly failures: number;
      readonly reason?: string;
    }
  | {
      /** The registry has it until `validUntilMs` at least: it is renewed at `dueMs`, or registered where it changed. */
      readonly phase: 'registered';
      readonly dueMs: number;
      readonly ttlMs: number;
      readonly validUntilMs: number;
      readonly changed: boolean;
      readonly failures: number;
      readonly reason?: string;
    };

/** `sentAtMs` is when the request left: the registry counts its TTL from later than that. */
export type RegistrationEvent =
  | { readonly type: 'registered'; readonly ttlMs: number; readonly sentAtMs: number }
  | { readonly type: 'renewed'; readonly sentAtMs: number }
  | { readonly type: 'unknown' }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'changed' };

export function newRegistration(nowMs: number): RegistrationState {
  return { phase: 'registering', dueMs: nowMs, failures: 0 };
}

/** What is due at `dueMs`. */
export function nextCall(state: RegistrationState): 'register' | 'renew' {
  return state.phase === 'registered' && !state.changed ? 'renew' : 'register';
}

/**
 * Decides what follows from an answer. A registration is renewed at a third of its TTL, so that two renewals may fail;
 * past its TTL it is taken for lost, and registered as if it had never been.
 */
export function step(
  state: RegistrationState,
  event: RegistrationEvent,
  nowMs: number,
  random: Random,
): RegistrationState {
  switch (event.type) {
    case 'registered':
      return granted(event.ttlMs, event.sentAtMs, nowMs, random);
    case 'renewed':
      // Only what is registered is renewed.
      return state.phase === 'registered' ? granted(state.ttlMs, event.sentAtMs, nowMs, random) : state;
    case 'unknown':
      return { phase: 'registering', dueMs: nowMs, failures: 0, reason: 'the registry has lost it' };
    case 'changed':
      return state.phase === 'registered' ? { ...state, changed: true, dueMs: nowMs } : { ...state, dueMs: nowMs };
    case 'failed':
      return failed(state, event.reason, nowMs, random);
  }
}

function granted(ttlMs: number, sentAtMs: number, nowMs: number, random: Random): RegistrationState {
  return {
    phase: 'registered',
    // A little before the third, by chance: what was started together does not renew together for ever.
    dueMs: nowMs + (ttlMs / 3) * (0.9 + 0.1 * random.next()),
    ttlMs,
    validUntilMs: sentAtMs + ttlMs,
    changed: false,
    failures: 0,
  };
}

function failed(state: RegistrationState, reason: string, nowMs: number, random: Random): RegistrationState {
  const failures = state.failures + 1;
  if (state.phase === 'registering' || nowMs >= state.validUntilMs) {
    return { phase: 'registering', dueMs: nowMs + backoffMs(failures, random), failures, reason };
  }
  return { ...state, dueMs: nowMs + backoffMs(failures, random, state.ttlMs / 3), failures, reason };
}
