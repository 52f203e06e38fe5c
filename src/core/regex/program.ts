import { OrasiError } from '../errors.ts';
import { type Assertion, type CharSet, type ParsedRegex, type RegexNode, setHas } from './syntax.ts';

/**
 * A pattern as a program for the matcher, after R. Cox, "Regular Expression Matching: the Virtual Machine
 * Approach", https://swtch.com/~rsc/regexp/regexp2.html. `split` prefers its first branch.
 */
export type Instruction =
  | { readonly op: 'char'; readonly accepts: (point: number) => boolean }
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; target: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'assert'; readonly assertion: Assertion }
  | { readonly op: 'match' };

type SetNode = Extract<RegexNode, { node: 'set' }>;

/** Counted repetition is written out, so a small pattern can make a large program. */
const MAX_INSTRUCTIONS = 5000;
/** Repetition of nothing writes nothing, so the writing out is bounded too. */
const MAX_VISITS = 50_000;

/** The program of an expression. Throws `type_error` where repetition makes it too long. */
export function compileRegex({ root }: ParsedRegex): Instruction[] {
  const program: Instruction[] = [];
  const acceptors = new Map<SetNode, (point: number) => boolean>();
  let visits = 0;
  const emit = <T extends Instruction>(instruction: T): T => {
    if (program.length >= MAX_INSTRUCTIONS) throw tooMuch();
    program.push(instruction);
    return instruction;
  };

  /** A counted repetition writes one node out many times; all of them share a test. */
  function acceptorOf(node: SetNode): (point: number) => boolean {
    let accepts = acceptors.get(node);
    if (accepts === undefined) {
      accepts = acceptor(node.sets, node.negated);
      acceptors.set(node, accepts);
    }
    return accepts;
  }

  function compile(node: RegexNode): void {
    if (++visits > MAX_VISITS) throw tooMuch();
    switch (node.node) {
      case 'empty':
        return;
      case 'set':
        emit({ op: 'char', accepts: acceptorOf(node) });
        return;
      case 'assert':
        emit({ op: 'assert', assertion: node.assertion });
        return;
      case 'concat':
        for (const part of node.parts) compile(part);
        return;
      case 'group':
        emit({ op: 'save', slot: 2 * node.index });
        compile(node.body);
        emit({ op: 'save', slot: 2 * node.index + 1 });
        return;
      case 'alternate':
        compileOptions(node.options);
        return;
      case 'repeat':
        if (node.max === Number.POSITIVE_INFINITY) {
          for (let i = 1; i < node.min; i++) compile(node.body);
          if (node.min === 0) compileAny(node.body, node.greedy);
          else compileSome(node.body, node.greedy);
          return;
        }
        for (let i = 0; i < node.min; i++) compile(node.body);
        compileOptional(node.body, node.max - node.min, node.greedy);
        return;
    }
  }

  function compileOptions(options: readonly RegexNode[]): void {
    const ends: { target: number }[] = [];
    options.forEach((option, i) => {
      if (i === options.length - 1) {
        compile(option);
        return;
      }
      const split = emit({ op: 'split' as const, first: program.length + 1, second: 0 });
      compile(option);
      ends.push(emit({ op: 'jump' as const, target: 0 }));
      split.second = program.length;
    });
    for (const end of ends) end.target = program.length;
  }

  /**
   * One time or more. The body stands once and the way back behind it: an empty pass then ends the loop instead of
   * entering a second copy, which is what RE2's priorities ask for.
   */
  function compileSome(body: RegexNode, greedy: boolean): void {
    const start = program.length;
    compile(body);
    const split = emit({ op: 'split' as const, first: 0, second: 0 });
    branch(split, start, program.length, greedy);
  }

  /** Any number of times: one or more, or not at all. */
  function compileAny(body: RegexNode, greedy: boolean): void {
    const split = emit({ op: 'split' as const, first: 0, second: 0 });
    const enter = program.length;
    compileSome(body, greedy);
    branch(split, enter, program.length, greedy);
  }

  function compileOptional(body: RegexNode, times: number, greedy: boolean): void {
    const splits: { at: number; split: { first: number; second: number } }[] = [];
    for (let i = 0; i < times; i++) {
      splits.push({ at: program.length, split: emit({ op: 'split' as const, first: 0, second: 0 }) });
      compile(body);
    }
    for (const { at, split } of splits) branch(split, at + 1, program.length, greedy);
  }

  compile(root);
  emit({ op: 'match' });
  return program;
}

function tooMuch(): OrasiError {
  return new OrasiError('type_error', 'the regular expression repeats too much');
}

function branch(split: { first: number; second: number }, enter: number, leave: number, greedy: boolean): void {
  split.first = greedy ? enter : leave;
  split.second = greedy ? leave : enter;
}

/** Tests that programs share, by what they hold: a letter, `.` and `[^/]` are in most of them. */
const SHARED = new Map<string, (point: number) => boolean>();
const MOST_SHARED = 1_000;

/** A test of one code point. */
function acceptor(sets: readonly CharSet[], negated: boolean): (point: number) => boolean {
  if (sets.some(({ property }) => property !== null)) return testOf(sets, negated);
  const key = `${negated} ${sets.map((set) => `${set.negated} ${set.ranges.join(' ')}`).join('|')}`;
  const present = SHARED.get(key);
  if (present !== undefined) return present;
  if (SHARED.size >= MOST_SHARED) SHARED.clear();
  const made = testOf(sets, negated);
  SHARED.set(key, made);
  return made;
}

/** ASCII, the common case, from a table. */
function testOf(sets: readonly CharSet[], negated: boolean): (point: number) => boolean {
  const test = (point: number) => sets.some((set) => setHas(set, point)) !== negated;
  const ascii = Array.from({ length: 128 }, (_, point) => test(point));
  return (point) => (point < 128 ? ascii[point] : test(point));
}
