import { type ErrorCode, OrasiError } from '../core/errors.ts';

/** What follows a fault while an object is taken in. */
export type AfterFault =
  | { readonly kind: 'fail'; readonly error: { readonly code: ErrorCode; readonly message: string } }
  | {
      readonly kind: 'again';
      readonly delaySeconds: number;
      readonly error: { readonly code: ErrorCode; readonly message: string };
    };

/** Faults of the object itself: trying again meets them again. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'bad_request',
  'malformed_input',
  'payload_too_large',
  'schema_violation',
  'source_changed',
  'source_missing',
  'type_error',
  'unprocessable',
  'unsupported_format',
  'value_too_large',
]);

const FIRST_DELAY_SECONDS = 2;
const LONGEST_DELAY_SECONDS = 300;

/** Whether a fault ends the object, or the next try is worth a wait that doubles; `failures` came before this one. */
export function afterFault(error: unknown, failures: number, attempts: number): AfterFault {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof OrasiError && FINAL.has(error.code))
    return { kind: 'fail', error: { code: error.code, message } };
  if (failures + 1 >= attempts) {
    return {
      kind: 'fail',
      error: { code: 'attempts_exhausted', message: `gave up after ${attempts} attempts: ${message}` },
    };
  }
  const code = error instanceof OrasiError ? error.code : 'internal';
  const delaySeconds = Math.min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** failures);
  return { kind: 'again', delaySeconds, error: { code, message } };
}
