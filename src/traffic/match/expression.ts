import { OrasiError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { PathMatch, RequestMatch } from '../../core/protocol/gateway.ts';
import type { StepMeter } from '../../core/regex/match.ts';
import { Regex } from '../../core/regex/regex.ts';

const FLAGS = { ignoreCase: false, dotAll: false, multiline: false };

/**
 * The expression of a match, whose making is counted. Throws `type_error` where it is none; publication has asked
 * `expressionFault` before.
 */
export function compileExpression(pattern: string, meter?: StepMeter): Regex {
  const regex = new Regex(pattern, FLAGS);
  if (meter !== undefined) meter.steps += LIMITS.gatewayInstructionSteps * regex.size;
  return regex;
}

/** Instructions of the expressions of a match: of its path, headers and query parameters. */
export function instructionsOf(path: PathMatch, { headers, query }: RequestMatch): number {
  let sum = 0;
  for (const { type, value } of [path, ...headers, ...query]) {
    if (type === 'RegularExpression') sum += compileExpression(value).size;
  }
  return sum;
}

/** Why a pattern cannot be used in a match, with its place in the pattern; null where it can. */
export function expressionFault(pattern: string): string | null {
  try {
    compileExpression(pattern);
    return null;
  } catch (error) {
    if (error instanceof OrasiError) return error.message;
    throw error;
  }
}
