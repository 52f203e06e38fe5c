import { decimalText } from '../../columns/text.ts';
import { type Node, names } from '../parse/ast.ts';

const LONGEST = 100;

/** What an expression without an alias is called: a column by its name, all else by what it says, as DuckDB has it. */
export function columnName(node: Node): string {
  const name = text(node);
  return name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name;
}

function text(node: Node | undefined): string {
  if (node === undefined) return '';
  if (node.ColumnRef !== undefined) return names(node.ColumnRef.fields).at(-1) ?? '*';
  if (node.A_Const !== undefined) {
    const { isnull, ival, fval, sval, boolval } = node.A_Const;
    if (isnull) return 'NULL';
    if (ival !== undefined) return decimalText(BigInt(ival.ival ?? 0), 0);
    if (fval !== undefined) return fval.fval;
    if (boolval !== undefined) return boolval.boolval ? 'true' : 'false';
    return `'${sval?.sval ?? ''}'`;
  }
  if (node.ParamRef !== undefined) return `$${node.ParamRef.number ?? 0}`;
  if (node.FuncCall !== undefined) {
    const name = (names(node.FuncCall.funcname).at(-1) ?? '').toLowerCase();
    const args = node.FuncCall.args ?? [];
    if (name === 'count' && args.length === 0) return 'count_star()';
    return `${name}(${node.FuncCall.agg_distinct ? 'DISTINCT ' : ''}${list(args)})`;
  }
  if (node.A_Expr !== undefined) {
    const operator = names(node.A_Expr.name).at(-1) ?? '';
    const { kind, lexpr, rexpr } = node.A_Expr;
    if (kind === 'AEXPR_IN')
      return `(${text(lexpr)} ${operator === '=' ? 'IN' : 'NOT IN'} (${list(rexpr?.List?.items)}))`;
    if (kind.includes('BETWEEN'))
      return `(${text(lexpr)} ${kind.includes('NOT') ? 'NOT ' : ''}BETWEEN ${list(rexpr?.List?.items, ' AND ')})`;
    if (kind === 'AEXPR_NULLIF') return `nullif(${text(lexpr)}, ${text(rexpr)})`;
    return lexpr === undefined ? `${operator}${text(rexpr)}` : `(${text(lexpr)} ${operator} ${text(rexpr)})`;
  }
  if (node.TypeCast !== undefined) {
    return `CAST(${text(node.TypeCast.arg)} AS ${(names(node.TypeCast.typeName.names).at(-1) ?? '').toUpperCase()})`;
  }
  if (node.BoolExpr !== undefined) {
    const { boolop, args } = node.BoolExpr;
    if (boolop === 'NOT_EXPR') return `(NOT ${text(args[0])})`;
    return `(${list(args, boolop === 'AND_EXPR' ? ' AND ' : ' OR ')})`;
  }
  if (node.NullTest !== undefined) {
    return `(${text(node.NullTest.arg)} IS ${node.NullTest.nulltesttype === 'IS_NULL' ? 'NULL' : 'NOT NULL'})`;
  }
  if (node.CoalesceExpr !== undefined) return `COALESCE(${list(node.CoalesceExpr.args)})`;
  if (node.MinMaxExpr !== undefined) {
    return `${node.MinMaxExpr.op === 'IS_GREATEST' ? 'greatest' : 'least'}(${list(node.MinMaxExpr.args)})`;
  }
  if (node.CaseExpr !== undefined) return 'case';
  if (node.SubLink !== undefined) return node.SubLink.subLinkType === 'EXISTS_SUBLINK' ? 'exists' : 'subquery';
  if (node.A_Indirection !== undefined) {
    const last = node.A_Indirection.indirection.at(-1)?.String?.sval;
    return last ?? text(node.A_Indirection.arg);
  }
  if (node.SQLValueFunction !== undefined) return node.SQLValueFunction.op.replace('SVFOP_', '').toLowerCase();
  if (node.GroupingFunc !== undefined) return `GROUPING(${list(node.GroupingFunc.args)})`;
  return 'expression';
}

function list(nodes: readonly Node[] | undefined, separator = ', '): string {
  return (nodes ?? []).map(text).join(separator);
}
