import type { Scalar } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import { type ArgumentType, nearestSignature, type Signature } from './coercion.ts';

/** A scalar function or operator: how calls are typed, and what one call answers. */
export interface ScalarFunctionDefinition {
  readonly name: string;
  readonly aliases: readonly string[];
  /** The same arguments always give the same answer, so that one evaluation may stand for many rows. */
  readonly deterministic: boolean;
  /** A null argument makes the answer null, and `evaluate` is not asked. */
  readonly strict: boolean;
  /**
   * The types a call's arguments are cast to and the type of its answer; undefined where there is no such call.
   * `constants` are the values of arguments known when the statement is bound, for types that depend on them.
   */
  resolve(args: readonly ArgumentType[], constants: readonly (Scalar | undefined)[]): Signature | undefined;
  /** The answer for arguments of the resolved types. Throws OrasiError where they have none. */
  evaluate(args: readonly Scalar[], argTypes: readonly ColumnType[], type: ColumnType): Scalar;
}

interface Definition {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly strict?: boolean;
  readonly signatures?: readonly Signature[];
  readonly resolve?: ScalarFunctionDefinition['resolve'];
  readonly evaluate: ScalarFunctionDefinition['evaluate'];
}

/** A function with its usual properties: deterministic, strict, the nearest of its signatures. */
export function define(definition: Definition): ScalarFunctionDefinition {
  const { name, aliases = [], strict = true, signatures = [], evaluate } = definition;
  const resolve = definition.resolve ?? ((args) => nearestSignature(signatures, args));
  return { name, aliases, deterministic: true, strict, resolve, evaluate };
}
