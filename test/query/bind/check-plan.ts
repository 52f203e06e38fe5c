import { type Schema, sameType, typeName } from '../../../src/columns/types.ts';
import type { Expression } from '../../../src/query/expression.ts';
import { SCALAR_FUNCTIONS } from '../../../src/query/functions/catalogue.ts';
import type { Plan } from '../../../src/query/plan.ts';

/** What is wrong with a plan, in words; nothing for a sound one. */
export function faultsOf(plan: Plan, schemas: Readonly<Record<string, Schema>>): string[] {
  const faults: string[] = [];
  checkPlan(plan, schemas, faults);
  return faults;
}

function checkPlan(plan: Plan, schemas: Readonly<Record<string, Schema>>, faults: string[]): void {
  const fault = (text: string) => faults.push(`${plan.op}: ${text}`);
  const names = plan.schema.map(({ name }) => name);
  if (new Set(names).size !== names.length) fault(`repeats a name: ${names}`);
  const all = (expressions: readonly Expression[], input: Schema) => {
    for (const expression of expressions) checkExpression(expression, input, fault);
  };
  const outputs = (expressions: readonly Expression[]) => {
    if (expressions.length !== plan.schema.length) fault('puts out another number of columns than it says');
    expressions.forEach((expression, i) => {
      const said = plan.schema[i]?.type;
      if (said !== undefined && !sameType(expression.type, said)) {
        fault(`column ${i} is ${typeName(expression.type)}, said to be ${typeName(said)}`);
      }
    });
  };
  const sameSchema = (input: Schema) => {
    if (input.length !== plan.schema.length || input.some(({ type }, i) => !sameType(type, plan.schema[i].type))) {
      fault('changes the schema of its input');
    }
  };
  switch (plan.op) {
    case 'scan': {
      const dataset = schemas[plan.dataset];
      if (plan.filter !== null) all([plan.filter], dataset);
      if (plan.schema.length !== plan.columns.length + (plan.score === null ? 0 : 1)) fault('has a wrong width');
      plan.columns.forEach((ordinal, i) => {
        if (!sameType(dataset[ordinal].type, plan.schema[i].type)) fault(`column ${i} has a wrong type`);
      });
      return;
    }
    case 'values':
      for (const row of plan.rows) {
        all(row, []);
        outputs(row);
      }
      return;
    case 'filter':
      all([plan.predicate], plan.input.schema);
      if (plan.predicate.type.kind !== 'bool') fault('has a condition that is none');
      sameSchema(plan.input.schema);
      break;
    case 'project':
      all(plan.expressions, plan.input.schema);
      outputs(plan.expressions);
      break;
    case 'aggregate':
      all(plan.keys, plan.input.schema);
      all(
        plan.aggregates.flatMap(({ arg, filter }) => [arg, filter]).filter((part) => part !== null),
        plan.input.schema,
      );
      if (plan.schema.length !== plan.keys.length + plan.aggregates.length) fault('has a wrong width');
      break;
    case 'join': {
      for (const { left, right } of plan.on) {
        all([left], plan.left.schema);
        all([right], plan.right.schema);
        if (!sameType(left.type, right.type)) fault('joins keys of two types');
      }
      const both = [...plan.left.schema, ...plan.right.schema];
      if (plan.residual !== null) all([plan.residual], both);
      const width = plan.kind === 'semi' || plan.kind === 'anti' ? plan.left.schema.length : both.length;
      if (plan.schema.length !== width) fault('has a wrong width');
      if (plan.kind === 'cross' && (plan.on.length > 0 || plan.residual !== null)) fault('is cross with a condition');
      checkPlan(plan.left, schemas, faults);
      checkPlan(plan.right, schemas, faults);
      return;
    }
    case 'sort':
      all(
        plan.keys.map(({ expression }) => expression),
        plan.input.schema,
      );
      sameSchema(plan.input.schema);
      break;
    case 'limit':
    case 'distinct':
      sameSchema(plan.input.schema);
      break;
    case 'union':
      for (const input of plan.inputs) {
        sameSchema(input.schema);
        checkPlan(input, schemas, faults);
      }
      return;
    case 'fallback':
      for (const input of plan.inputs) checkPlan(input, schemas, faults);
      return;
  }
  checkPlan(plan.input, schemas, faults);
}

const SAME_TYPES = new Set(['=', '<>', '<', '<=', '>', '>=', 'is_distinct_from', 'is_not_distinct_from', 'coalesce']);

function checkExpression(expression: Expression, input: Schema, fault: (text: string) => void): void {
  const inner = (child: Expression) => checkExpression(child, input, fault);
  switch (expression.node) {
    case 'column': {
      const field = input[expression.index];
      if (field === undefined) fault(`reads column ${expression.index} of ${input.length}`);
      else if (!sameType(field.type, expression.type)) {
        fault(`reads ${field.name}, a ${typeName(field.type)}, as ${typeName(expression.type)}`);
      }
      return;
    }
    case 'literal':
      return;
    case 'call': {
      expression.args.forEach(inner);
      if (SCALAR_FUNCTIONS.find(expression.function) === undefined) fault(`calls ${expression.function}`);
      if (SAME_TYPES.has(expression.function)) {
        const [first, ...rest] = expression.args;
        if (rest.some((arg) => !sameType(arg.type, first.type))) fault(`${expression.function} mixes types`);
      }
      return;
    }
    case 'and':
    case 'or':
      expression.args.forEach(inner);
      if (expression.args.some(({ type }) => type.kind !== 'bool')) fault(`${expression.node} of what is no condition`);
      return;
    case 'case':
      for (const { when, then } of expression.branches) {
        inner(when);
        inner(then);
        if (!sameType(then.type, expression.type)) fault('CASE mixes types');
      }
      if (expression.otherwise !== null) {
        inner(expression.otherwise);
        if (!sameType(expression.otherwise.type, expression.type)) fault('CASE mixes types');
      }
      return;
    case 'cast':
    case 'in':
      inner(expression.arg);
  }
}
