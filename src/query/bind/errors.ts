import type { ColumnType } from '../../columns/types.ts';
import { typeName } from '../../columns/types.ts';
import { type ErrorCode, OrasiError } from '../../core/errors.ts';

/** An error that points into the SQL text. */
export function sqlError(code: ErrorCode, at: number, message: string): OrasiError {
  return new OrasiError(code, message, { errors: [{ path: `sql@${at}`, message }] });
}

/** Adds the place to an error that has none, such as a constant that does not convert. */
export function locate<T>(at: number, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof OrasiError && error.errors.length === 0) throw sqlError(error.code, at, error.message);
    throw error;
  }
}

/** Types as messages list them. */
export function typeNames(types: readonly ColumnType[]): string {
  return types.map(typeName).join(', ');
}
