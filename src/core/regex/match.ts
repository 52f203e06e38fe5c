import type { Instruction } from './program.ts';
import type { Assertion } from './syntax.ts';

/** Offsets of a match and its groups, start and end in turn, in UTF-16 units; -1 where a group took no part. */
export type MatchSlots = Int32Array;

/** Counts what a match costs, where somebody wants to know: instructions looked at and characters stepped over. */
export interface StepMeter {
  steps: number;
  /** Beyond it matching is given up: what is then answered says nothing. Absent: there is no bound. */
  readonly most?: number;
}

/** Whether more was spent than a meter allows. */
export function isSpent(meter: StepMeter | undefined): boolean {
  return meter?.most !== undefined && meter.steps > meter.most;
}

interface Thread {
  readonly pc: number;
  readonly slots: MatchSlots;
}

/**
 * Runs a program over a text: all branches in step, best first, so that time is the text's length times the
 * program's, whatever the pattern. The match is the leftmost, and of those the one Perl would find.
 *
 * @param slotCount twice the number of groups, the whole match included
 * @param anchored the match must begin at `from`
 * @param whole the match must end where the text does
 */
export function runRegex(
  program: readonly Instruction[],
  text: string,
  from: number,
  slotCount: number,
  anchored: boolean,
  whole: boolean,
  meter?: StepMeter,
): MatchSlots | null {
  let current: Thread[] = [];
  let next: Thread[] = [];
  /** The position at which each instruction was last entered, plus one. */
  const entered = new Int32Array(program.length);
  let best: MatchSlots | null = null;

  /** Follows what takes no character, in order of preference. */
  function add(threads: Thread[], startPc: number, startSlots: MatchSlots, position: number): void {
    const stack: Thread[] = [{ pc: startPc, slots: startSlots }];
    for (let thread = stack.pop(); thread !== undefined; thread = stack.pop()) {
      const { pc, slots } = thread;
      if (meter !== undefined) meter.steps++;
      if (entered[pc] === position + 1) continue;
      entered[pc] = position + 1;
      const instruction = program[pc];
      switch (instruction.op) {
        case 'jump':
          stack.push({ pc: instruction.target, slots });
          break;
        case 'split':
          stack.push({ pc: instruction.second, slots }, { pc: instruction.first, slots });
          break;
        case 'save': {
          const saved = slots.slice();
          // A copy of many groups is more than one step.
          if (meter !== undefined) meter.steps += slots.length >> 3;
          if (instruction.slot < saved.length) saved[instruction.slot] = position;
          stack.push({ pc: pc + 1, slots: saved });
          break;
        }
        case 'assert':
          if (holds(instruction.assertion, text, position)) stack.push({ pc: pc + 1, slots });
          break;
        default:
          threads.push(thread);
      }
    }
  }

  let position = from;
  for (;;) {
    if (best === null && (!anchored || position === from)) {
      const slots = new Int32Array(slotCount).fill(-1);
      slots[0] = position;
      add(current, 0, slots, position);
    }
    if (current.length === 0 && (anchored || best !== null)) break;
    const point = text.codePointAt(position);
    const after = position + (point === undefined || point < 0x10000 ? 1 : 2);
    for (const thread of current) {
      const instruction = program[thread.pc];
      if (meter !== undefined) meter.steps++;
      if (instruction.op === 'match') {
        if (whole && point !== undefined) continue;
        best = thread.slots.slice();
        best[1] = position;
        // Threads after this one are less preferred.
        break;
      }
      if (instruction.op === 'char' && point !== undefined && instruction.accepts(point)) {
        add(next, thread.pc + 1, thread.slots, after);
      }
    }
    if (point === undefined) break;
    if (isSpent(meter)) return null;
    [current, next] = [next, current];
    next.length = 0;
    position = after;
  }
  return best;
}

function holds(assertion: Assertion, text: string, position: number): boolean {
  switch (assertion) {
    case 'start':
      return position === 0;
    case 'end':
      return position === text.length;
    case 'lineStart':
      return position === 0 || text[position - 1] === '\n';
    case 'lineEnd':
      return position === text.length || text[position] === '\n';
    case 'boundary':
      return isWord(text, position - 1) !== isWord(text, position);
    case 'notBoundary':
      return isWord(text, position - 1) === isWord(text, position);
  }
}

function isWord(text: string, position: number): boolean {
  return position >= 0 && position < text.length && /\w/.test(text[position]);
}
