import { NEW_SCALING, type ScalingState } from './scaling.ts';
import { NEW_NOTICE, type NoticeState } from './scaling-notice.ts';

/** What a queue keeps of its scaling, as JSON in one row that is written when the number changes. */
export interface ScalingMemory {
  readonly scaling: ScalingState;
  readonly notice: NoticeState;
}

/** What an earlier life of the object kept. */
export function startingMemory(text: string | null): ScalingMemory {
  if (text === null) return { scaling: NEW_SCALING, notice: NEW_NOTICE };
  return JSON.parse(text) as ScalingMemory;
}
