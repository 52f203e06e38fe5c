import { ARITHMETIC_FUNCTIONS } from './arithmetic.ts';
import { COMPARISON_FUNCTIONS } from './comparison.ts';
import type { ScalarFunctionDefinition } from './definition.ts';
import { GEOGRAPHY_FUNCTIONS } from './geography.ts';
import { JSON_FUNCTIONS } from './json.ts';
import { PATTERN_FUNCTIONS } from './pattern.ts';
import { TEMPORAL_FUNCTIONS } from './temporal.ts';
import { TEXT_FUNCTIONS } from './text.ts';

/** Every scalar function and operator, by family. */
export const FUNCTION_FAMILIES: Readonly<Record<string, readonly ScalarFunctionDefinition[]>> = {
  Arithmetic: ARITHMETIC_FUNCTIONS,
  'Comparison and choice': COMPARISON_FUNCTIONS,
  Text: TEXT_FUNCTIONS,
  Patterns: PATTERN_FUNCTIONS,
  'Dates and times': TEMPORAL_FUNCTIONS,
  'JSON, arrays and maps': JSON_FUNCTIONS,
  Geography: GEOGRAPHY_FUNCTIONS,
};

const byName = new Map<string, ScalarFunctionDefinition>();
for (const family of Object.values(FUNCTION_FAMILIES)) {
  for (const definition of family) {
    for (const name of [definition.name, ...definition.aliases]) {
      if (byName.has(name)) throw new Error(`two functions are called ${name}`);
      byName.set(name, definition);
    }
  }
}

/**
 * The catalogue both executors use. Plans call functions by their first name; `find` knows the others too,
 * all in lower case.
 */
export const SCALAR_FUNCTIONS = {
  find: (name: string): ScalarFunctionDefinition | undefined => byName.get(name),
};
