import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { MEMBER_STATUSES, type MemberMessage } from '../core/protocol/cluster.ts';
import { MemberLoadSchema } from '../core/protocol/member-load.ts';

/** What a member reports, as every door takes it. */
export const MemberReportSchema = z.object({
  status: z.enum(MEMBER_STATUSES),
  address: z.string().max(500).optional().describe('Where the member is reached.'),
  zone: z.string().max(100).optional(),
  capabilities: z.array(z.string().min(1).max(100)).max(100).optional(),
  metadata: z.record(z.string().min(1).max(100), z.string().max(1_000)).optional(),
  load: MemberLoadSchema.optional(),
  sessionTtlSeconds: z
    .number()
    .min(1)
    .max(3_600)
    .optional()
    .describe('How long the session lasts without a heartbeat; heartbeats are due each third of it.'),
  candidate: z.boolean().optional().describe('Whether the member would lead. A resignation outlasts it.'),
});

/** A member's name. */
export const MEMBER_ID = /^[A-Za-z0-9][\w.:-]{0,127}$/;
export const MemberId = z
  .string()
  .regex(MEMBER_ID, 'expected a letter or digit, then at most 127 of A-Z a-z 0-9 _ . : -');

/** A vote's term. */
export const Term = z.number().int().positive();

/** What a member sends over the WebSocket it holds. */
const MemberMessageSchema = z.discriminatedUnion('type', [
  MemberReportSchema.extend({ type: z.literal('join'), memberId: MemberId }),
  MemberReportSchema.partial().extend({ type: z.literal('heartbeat') }),
  z.object({ type: z.literal('leave') }),
  z.object({ type: z.literal('campaign') }),
  z.object({ type: z.literal('resign') }),
  z.object({ type: z.literal('vote'), candidateId: MemberId, term: Term }),
]);

/** A member's message, or what is wrong with it. */
export function parseMemberMessage(text: string | ArrayBuffer): MemberMessage | string {
  if (typeof text !== 'string') return 'expected text';
  if (text.length > LIMITS.clusterMemberBytes) return `a message has at most ${LIMITS.clusterMemberBytes} characters`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'expected JSON';
  }
  const parsed = MemberMessageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue.path.join('.') || '(message)'}: ${issue.message}`;
}
