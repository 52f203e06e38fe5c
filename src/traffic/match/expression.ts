import { OrasiError } from '../../core/errors.ts';
import { Regex } from '../../core/regex/regex.ts';

const FLAGS = { ignoreCase: false, dotAll: false, multiline: false };

/** The expression of a match. Throws `type_error` where it is none; publication has asked `expressionFault` before. */
export function compileExpression(pattern: string): Regex {
  return new Regex(pattern, FLAGS);
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
