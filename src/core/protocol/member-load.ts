import * as z from 'zod';

const amount = z.number().nonnegative();

/** `MemberLoad` as every door takes it. */
export const MemberLoadSchema = z
  .object({
    cpuPercent: amount.max(100),
    memoryBytes: amount,
    diskBytes: amount,
    activeTasks: amount.int(),
    queueLength: amount.int(),
  })
  .describe('As the member measures it; the platform does not.');
