import { expect } from 'vitest';
import type { ErrorCode } from '../../../src/core/errors.ts';

/** What a file can be refused for. `internal` or `attempts_exhausted` would mean that a defect was met instead. */
const REFUSALS: readonly string[] = [
  'bad_request',
  'malformed_input',
  'schema_violation',
  'unprocessable',
  'unsupported_format',
  'value_too_large',
] satisfies ErrorCode[];

/** Words of the runtime and of stack traces: nobody can mend a file by them. */
const INTERNAL =
  /undefined|\bNaN\b|\[object |\w*(Range|Type|Syntax|Reference)Error|\bCannot |is not (a function|iterable|defined|an object)|Invalid (array|typed|string|offset|count|time|code|data|date|value)|out of bounds|outside the bounds|out of memory|call stack|allocation|assertion|unreachable|BigInt|DataView|gave up|\.[jt]s:\d|node:|\n\s+at /;

/** A reason is one of those a file can be refused for, and says what is wrong with it in words of its reader. */
export function expectReason(reason: Reason | undefined, story: string): void {
  const fault = faultOf(reason);
  // There may be hundreds of thousands of reasons, and an assertion costs more than looking.
  if (fault !== undefined) expect.fail(`${story}: the reason ${fault}: ${JSON.stringify(reason)?.slice(0, 3_000)}`);
}

interface Reason {
  readonly code: string;
  readonly message: string;
}

function faultOf(reason: Reason | undefined): string | undefined {
  if (reason === undefined) return 'is missing';
  if (!REFUSALS.includes(reason.code)) return 'has a code no file is refused for';
  if (reason.message.length < 10) return 'says nothing';
  // One that quotes the file quotes a bounded piece of it.
  if (reason.message.length > 1_000) return 'is too long';
  return INTERNAL.test(reason.message) ? 'has words of the runtime' : undefined;
}
