import type { Expression } from '../expression.ts';

/** The expression with every column replaced by the expression that makes it. */
export function substitute(expression: Expression, columns: readonly Expression[]): Expression {
  const inner = (child: Expression) => substitute(child, columns);
  switch (expression.node) {
    case 'column':
      return columns[expression.index];
    case 'literal':
      return expression;
    case 'call':
    case 'and':
    case 'or':
      return { ...expression, args: expression.args.map(inner) };
    case 'case':
      return {
        ...expression,
        // biome-ignore lint/suspicious/noThenProperty: the name is SQL's, and no branch is ever awaited
        branches: expression.branches.map((branch) => ({ when: inner(branch.when), then: inner(branch.then) })),
        otherwise: expression.otherwise === null ? null : inner(expression.otherwise),
      };
    case 'cast':
    case 'in':
      return { ...expression, arg: inner(expression.arg) };
  }
}
