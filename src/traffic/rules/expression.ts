import { CelScalar, celEnv, celFunc, isCelError, mapType, parse, plan } from '@bufbuild/cel';
import { type AddressBlock, addressBytes, blocksOf, contains } from '../../core/address-blocks.ts';
import { LIMITS } from '../../core/limits.ts';
import { Regex } from '../../core/regex/regex.ts';

/**
 * One expression in CEL (https://github.com/google/cel-spec), planned once and held many times. What a plan may cost is
 * bound before it is ever run: the language has no loops but macros over lists and maps, and these may not stand in one
 * another, so the work is at most the number of nodes times the entries of the largest list of a request.
 */
export interface Expression {
  /** Whether it holds; throws an Error where it fails or is neither true nor false. */
  holds(variables: Variables): boolean;
  /** Members of `request` that it reads, so that no others need be made; null: any. */
  readonly reads: ReadonlySet<string> | null;
}

/** What an expression may read. */
export interface Variables {
  readonly request: ReadonlyMap<string, unknown>;
  readonly client: ReadonlyMap<string, unknown>;
  readonly identity: ReadonlyMap<string, unknown>;
  readonly claims: ReadonlyMap<string, unknown>;
}

/** Where an expression is wrong; `offset` counts characters from 0. */
export class ExpressionFault extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'ExpressionFault';
    this.offset = offset;
  }
}

const { ruleChars: MAX_CHARS, ruleParts: MAX_NODES } = LIMITS;
/** The parser goes down one frame or more for each bracket: deeper ones would end its stack. */
const MAX_BRACKETS = 32;

const VARIABLES = ['request', 'client', 'identity', 'claims'];
const TYPES = ['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint'];
const OPERATORS = '_&&_ _||_ !_ -_ _==_ _!=_ _<_ _<=_ _>_ _>=_ _+_ _-_ _*_ _/_ _%_ _?_:_ _[_] @in @not_strictly_false';
const FUNCTIONS = new Set(
  `${OPERATORS} size contains startsWith endsWith matches inCidr bool bytes double dyn duration int string timestamp type
  uint getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours getMilliseconds getMinutes getMonth
  getSeconds`.split(/\s+/),
);

const { STRING, BOOL, DYN } = CelScalar;
const anything = mapType(STRING, DYN);

/** Patterns and blocks by their text: those of plans, which are bounded in number and length where policies are. */
const patterns = new Map<string, Regex>();
const blocks = new Map<string, readonly AddressBlock[]>();

const environment = celEnv({
  variables: { request: anything, client: anything, identity: anything, claims: anything },
  funcs: [
    celFunc('inCidr', [STRING, STRING], BOOL, (address, text) => {
      const bytes = addressBytes(address);
      return bytes !== null && blocksIn(text).some((block) => contains(block, bytes));
    }),
  ],
  re2: { compile: (pattern) => ({ test: (text) => patternOf(pattern).occursIn(text) }) },
});

/** Plans an expression. Throws an `ExpressionFault`. */
export function planExpression(text: string): Expression {
  if (text.length > MAX_CHARS) throw new ExpressionFault(`is longer than ${MAX_CHARS} characters`, MAX_CHARS);
  const tooDeep = deepBracket(text);
  if (tooDeep >= 0) throw new ExpressionFault(`nests brackets deeper than ${MAX_BRACKETS}`, tooDeep);
  const parsed = parsedOf(text);
  const reads = checkNodes(parsed);
  const evaluate = plan(environment, parsed);
  return {
    reads,
    holds(variables) {
      const value = evaluate(variables as unknown as Parameters<typeof evaluate>[0]);
      if (isCelError(value)) throw value;
      if (typeof value !== 'boolean') throw new Error('is neither true nor false');
      return value;
    },
  };
}

type Parsed = ReturnType<typeof parse>;
type Node = Parsed['expr'];

function parsedOf(text: string): Parsed {
  try {
    return parse(text);
  } catch (error) {
    const { location, message, rawMessage } = error as Error & {
      location?: { start: { offset: number } };
      rawMessage?: string;
    };
    throw new ExpressionFault(rawMessage ?? message, location?.start.offset ?? 0);
  }
}

/** Refuses what could not be evaluated or would cost too much, and finds out what is read. */
function checkNodes({ expr, sourceInfo }: Parsed): ReadonlySet<string> | null {
  const reads = new Set<string>();
  let readsAll = false;
  let nodes = 0;
  const offsetOf = (node: Node) => sourceInfo?.positions[String(node.id)] ?? 0;
  const fail = (node: Node, message: string): never => {
    throw new ExpressionFault(message, offsetOf(node));
  };

  const visit = (node: Node | undefined, names: readonly string[], inLoop: boolean): void => {
    if (node === undefined) return;
    if (++nodes > MAX_NODES) fail(node, `has more than ${MAX_NODES} parts`);
    const { case: kind, value } = node.exprKind;
    switch (kind) {
      case 'constExpr':
      case undefined:
        return;
      case 'identExpr':
        if (![...VARIABLES, ...TYPES, ...names].includes(value.name)) fail(node, `knows no "${value.name}"`);
        if (value.name === 'request') readsAll = true;
        return;
      case 'selectExpr': {
        const { operand, field } = value;
        if (operand?.exprKind.case === 'identExpr' && operand.exprKind.value.name === 'request') {
          reads.add(field);
          nodes += 1;
        } else visit(operand, names, inLoop);
        return;
      }
      case 'callExpr': {
        if (!FUNCTIONS.has(value.function)) fail(node, `knows no function "${value.function}"`);
        if (value.function === 'matches') checkText(value.args[value.args.length - 1], patternOf, fail);
        if (value.function === 'inCidr') checkText(value.args[1], blocksIn, fail);
        visit(value.target, names, inLoop);
        for (const argument of value.args) visit(argument, names, inLoop);
        return;
      }
      case 'listExpr':
        for (const element of value.elements) visit(element, names, inLoop);
        return;
      case 'structExpr':
        if (value.messageName !== '') fail(node, 'makes a message: only maps can be made');
        for (const entry of value.entries) {
          if (entry.keyKind.case === 'mapKey') visit(entry.keyKind.value, names, inLoop);
          visit(entry.value, names, inLoop);
        }
        return;
      case 'comprehensionExpr': {
        if (inLoop) fail(node, 'goes through a list within going through a list');
        visit(value.iterRange, names, inLoop);
        visit(value.accuInit, names, inLoop);
        const inner = [...names, value.iterVar, value.iterVar2, value.accuVar];
        for (const part of [value.loopCondition, value.loopStep, value.result]) visit(part, inner, true);
        return;
      }
    }
  };
  visit(expr, [], false);
  const { case: kind, value } = expr.exprKind;
  const isValue = kind === 'listExpr' || kind === 'structExpr';
  if (isValue || (kind === 'constExpr' && value.constantKind.case !== 'boolValue'))
    fail(expr, 'is neither true nor false');
  return readsAll ? null : reads;
}

/** Patterns and blocks are read once, where the policy is compiled: so they have to be there as they are. */
function checkText(
  argument: Node | undefined,
  read: (text: string) => unknown,
  fail: (node: Node, message: string) => never,
): void {
  if (argument === undefined) return;
  const { case: kind, value } = argument.exprKind;
  if (kind !== 'constExpr' || value.constantKind.case !== 'stringValue')
    fail(argument, 'must be a text as it stands here');
  else {
    try {
      read(value.constantKind.value);
    } catch (error) {
      fail(argument, error instanceof Error ? error.message : String(error));
    }
  }
}

function patternOf(text: string): Regex {
  const present = patterns.get(text);
  if (present !== undefined) return present;
  const made = new Regex(text, { ignoreCase: false, dotAll: false, multiline: false });
  keep(patterns, text, made);
  return made;
}

function blocksIn(text: string): readonly AddressBlock[] {
  const present = blocks.get(text);
  if (present !== undefined) return present;
  const made = blocksOf(text);
  keep(blocks, text, made);
  return made;
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= 1_000) map.clear();
  map.set(key, value);
}

/** Where brackets nest too deeply, or -1; those within texts count too, which harms nobody. */
function deepBracket(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '(' || char === '[' || char === '{') depth += 1;
    else if (char === ')' || char === ']' || char === '}') depth -= 1;
    if (depth > MAX_BRACKETS) return at;
  }
  return -1;
}
