import { findAggregate } from '../functions/aggregates.ts';
import { castTo } from './bound.ts';
import { argumentType } from './calls.ts';
import { locate, sqlError, typeNames } from './errors.ts';
import type { Bound } from './logical.ts';

/** The aggregate a name and arguments mean, the arguments cast to what it takes. */
export function resolveAggregate(
  name: string,
  args: readonly Bound[],
  at: number,
): Pick<Extract<Bound, { node: 'aggregate' }>, 'function' | 'args' | 'parameters' | 'type'> {
  const definition = findAggregate(name);
  const constants = args.map((arg) => (arg.node === 'literal' ? arg.value : undefined));
  const signature = definition?.resolve(args.map(argumentType), constants);
  if (definition === undefined || signature === undefined) {
    throw sqlError('type_error', at, `${name} does not take (${typeNames(args.map((arg) => arg.type))})`);
  }
  return {
    function: definition.name,
    args: signature.args.map((type, i) => locate(args[i].at, () => castTo(args[i], type))),
    parameters: signature.parameters,
    type: signature.type,
  };
}
