import { isSpent, type StepMeter } from './match.ts';
import type { Instruction } from './program.ts';

/** States kept before all are forgotten; a state is a set of instructions. */
const MAX_STATES = 256;
/** Instructions and transitions that the kept states may hold together: half a megabyte. */
const MAX_CELLS = 1 << 17;
const ASCII = 128;
const UNKNOWN = -1;

interface State {
  /** Instructions that wait for a character, for the end of the text, or that have matched. Ascending. */
  readonly members: Int32Array;
  /** By class of characters: the state's index after it, or UNKNOWN. */
  readonly next: Int32Array;
  /** Whether a text that ends here matches. */
  readonly accepts: boolean;
}

/**
 * A program as a deterministic automaton whose states are made when a text first reaches them (R. Cox,
 * https://swtch.com/~rsc/regexp/regexp1.html; RE2 does the same). It answers whether a text matches whole, at a table
 * look-up a character once warm; a new state costs a pass over the program, so that time stays the text's length times
 * the program's even where states are forgotten again and again.
 */
export class LazyDfa {
  readonly #program: readonly Instruction[];
  /** The class of each ASCII character; characters of one class are told apart by no instruction. */
  readonly #classOf: Uint8Array;
  /** One character of each class. */
  readonly #samples: readonly number[];
  /** At which closure an instruction was last visited. */
  readonly #visited: Uint32Array;
  #closures = 0;
  #states: State[] = [];
  #byMembers = new Map<string, number>();
  #cells = 0;

  private constructor(program: readonly Instruction[]) {
    this.#program = program;
    this.#visited = new Uint32Array(program.length);
    const { classOf, samples } = classesOf(program);
    this.#classOf = classOf;
    this.#samples = samples;
  }

  /** Null where the program asks for what stands beside a position (`\b`, anchors at lines): states do not know. */
  static of(program: readonly Instruction[]): LazyDfa | null {
    const sees = ({ op, ...rest }: Instruction) =>
      op === 'assert' && 'assertion' in rest && rest.assertion !== 'start' && rest.assertion !== 'end';
    return program.some(sees) ? null : new LazyDfa(program);
  }

  /** Null where the text has characters beyond ASCII, for which there are no classes. */
  matchesWhole(text: string, meter?: StepMeter): boolean | null {
    let at = this.#start(meter);
    for (let position = 0; position < text.length; position++) {
      const state = this.#states[at];
      if (state.members.length === 0) return false;
      const code = text.charCodeAt(position);
      if (code >= ASCII) return null;
      const type = this.#classOf[code];
      const known = state.next[type];
      if (meter !== undefined) meter.steps++;
      if (known !== UNKNOWN) at = known;
      else {
        at = this.#step(at, type, meter);
        if (isSpent(meter)) return false;
      }
    }
    return this.#states[at].accepts;
  }

  #start(meter: StepMeter | undefined): number {
    // The first state made is the one at the start, where `^` holds; it is made again when all are forgotten.
    if (this.#states.length === 0) this.#add(this.#closure([0], true, false, meter), true, meter);
    return 0;
  }

  #step(from: number, type: number, meter: StepMeter | undefined): number {
    const state = this.#states[from];
    const sample = this.#samples[type];
    const seeds: number[] = [];
    for (const pc of state.members) {
      const instruction = this.#program[pc];
      if (instruction.op === 'char' && instruction.accepts(sample)) seeds.push(pc + 1);
    }
    if (meter !== undefined) meter.steps += state.members.length;
    const members = this.#closure(seeds, false, false, meter);
    const present = this.#byMembers.get(keyOf(members));
    if (present !== undefined) {
      state.next[type] = present;
      return present;
    }
    if (this.#states.length >= MAX_STATES || this.#cells > MAX_CELLS) {
      this.#states = [];
      this.#byMembers.clear();
      this.#cells = 0;
      this.#start(meter);
      return this.#add(members, false, meter);
    }
    const made = this.#add(members, false, meter);
    state.next[type] = made;
    return made;
  }

  /** The state at the start is found by no transition: of the same members, it alone lets `^` hold. */
  #add(members: Int32Array, isStart: boolean, meter: StepMeter | undefined): number {
    const last = this.#program.length - 1;
    const accepts = members.includes(last) || this.#closure([...members], isStart, true, meter).includes(last);
    const index = this.#states.length;
    this.#states.push({ members, next: new Int32Array(this.#samples.length).fill(UNKNOWN), accepts });
    this.#cells += members.length + this.#samples.length;
    if (!isStart) this.#byMembers.set(keyOf(members), index);
    return index;
  }

  /** All instructions that can be reached from some without a character, but for those that only lead on. Ascending. */
  #closure(seeds: number[], atStart: boolean, atEnd: boolean, meter: StepMeter | undefined): Int32Array {
    const mark = ++this.#closures;
    const members: number[] = [];
    const stack = seeds;
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
      if (this.#visited[pc] === mark) continue;
      this.#visited[pc] = mark;
      if (meter !== undefined) meter.steps++;
      const instruction = this.#program[pc];
      switch (instruction.op) {
        case 'jump':
          stack.push(instruction.target);
          break;
        case 'split':
          stack.push(instruction.first, instruction.second);
          break;
        case 'save':
          stack.push(pc + 1);
          break;
        case 'assert':
          if (instruction.assertion === 'start' ? atStart : atEnd) stack.push(pc + 1);
          else if (instruction.assertion === 'end') members.push(pc);
          break;
        default:
          members.push(pc);
      }
    }
    return Int32Array.from(members).sort();
  }
}

function keyOf(members: Int32Array): string {
  // A program is shorter than 2¹⁶ instructions, so each is one unit of text.
  let key = '';
  for (const pc of members) key += String.fromCharCode(pc);
  return key;
}

function classesOf(program: readonly Instruction[]): { classOf: Uint8Array; samples: number[] } {
  const classOf = new Uint8Array(ASCII);
  let count = 1;
  const tests = new Set<(point: number) => boolean>();
  for (const instruction of program) if (instruction.op === 'char') tests.add(instruction.accepts);
  const keeps = new Uint8Array(ASCII);
  const split = new Uint8Array(ASCII);
  for (const accepts of tests) {
    // Of a class of which some are accepted and some are not, those that are become one of their own.
    keeps.fill(0);
    split.fill(0);
    for (let point = 0; point < ASCII; point++) if (!accepts(point)) keeps[classOf[point]] = 1;
    for (let point = 0; point < ASCII; point++) {
      const present = classOf[point];
      if (keeps[present] === 0 || !accepts(point)) continue;
      // Class 0 is nobody's own, since the first has it.
      if (split[present] === 0) split[present] = count++;
      classOf[point] = split[present];
    }
  }
  const samples = Array.from({ length: count }, (_, type) => classOf.indexOf(type));
  return { classOf, samples };
}
