import * as z from 'zod';
import type { FieldError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { MemberLoadSchema } from '../core/protocol/member-load.ts';
import type { AgentMessage } from '../core/protocol/queue-connection.ts';
import { agentId, capabilities, leaseSeconds, leases, results, seconds, types } from './requests.ts';

const state = {
  slots: z.number().int().min(0).max(LIMITS.agentSlots).optional(),
  load: MemberLoadSchema.optional(),
  push: z.number().int().min(0).optional(),
};
const id = z.string().max(100);

/** What an agent sends over the WebSocket it holds. */
const AgentMessageSchema = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('hello'),
      agentId,
      types: types.nullable().default(null),
      capabilities: capabilities.default([]),
      slots: z.number().int().min(0).max(LIMITS.agentSlots),
      load: MemberLoadSchema.optional(),
      leaseSeconds: leaseSeconds.optional(),
      sessionTtlSeconds: seconds(1, 3_600).optional(),
    })
    .refine(
      ({ types: taken, capabilities: had }) =>
        new TextEncoder().encode(JSON.stringify([taken, had])).length <= LIMITS.agentHelloBytes,
      {
        path: ['capabilities'],
        message: `expected types and capabilities of at most ${LIMITS.agentHelloBytes} bytes together`,
      },
    ),
  z.strictObject({ type: z.literal('slots'), ...state, slots: state.slots.unwrap() }),
  z.strictObject({ type: z.literal('results'), id, results, ...state }),
  z.strictObject({ type: z.literal('heartbeats'), id, leases, leaseSeconds: leaseSeconds.optional(), ...state }),
]);

/** What is wrong with a message, and its id where it has one. */
export interface BadMessage {
  readonly type: 'bad';
  readonly errors: readonly FieldError[];
  readonly id: string | undefined;
}

/** A message of an agent, or what is wrong with it. */
export function parseAgentMessage(text: string | ArrayBuffer): AgentMessage | BadMessage {
  if (typeof text !== 'string') return bad('(message)', 'expected text');
  if (text.length > LIMITS.jsonBodyBytes) {
    return bad('(message)', `expected at most ${LIMITS.jsonBodyBytes} characters`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad('(message)', 'expected JSON');
  }
  const parsed = AgentMessageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || '(message)', message }));
  return { type: 'bad', errors, id: idOf(value) };
}

function bad(path: string, message: string): BadMessage {
  return { type: 'bad', errors: [{ path, message }], id: undefined };
}

function idOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined;
  return id.safeParse(value.id).data;
}
