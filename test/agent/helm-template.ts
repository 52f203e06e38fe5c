import { parse, parseAllDocuments, stringify } from 'yaml';

/**
 * As much of Helm's template language as the agent's chart uses: values, `if`/`else`/`end`, pipes and a few functions.
 * Not Helm: what it does not know it refuses, and what it renders shows the chart's logic, not that Helm agrees.
 */
export function renderTemplate(source: string, root: object): string {
  const { nodes } = parseNodes(tokensOf(source), 0);
  return renderNodes(nodes, root);
}

/** The documents of rendered text, empty ones left out. Throws where it is no YAML. */
export function documentsOf(text: string): Record<string, unknown>[] {
  return [...parseAllDocuments(text)]
    .map((document) => {
      if (document.errors.length > 0) throw document.errors[0];
      return document.toJSON() as Record<string, unknown> | null;
    })
    .filter((document) => document !== null);
}

/** `over` laid over `values`, as Helm does with a file of values: maps are merged, all else replaced. */
export function mergedValues(values: unknown, over: unknown): unknown {
  if (!isMap(values) || !isMap(over)) return over;
  const merged: Record<string, unknown> = { ...values };
  for (const [name, value] of Object.entries(over)) merged[name] = mergedValues(values[name], value);
  return merged;
}

export const parseYaml = (text: string): unknown => parse(text);

type Node =
  | { readonly text: string }
  | { readonly expression: string }
  | { readonly condition: string; readonly whenTrue: Node[]; readonly otherwise: Node[] };
type Token = { readonly text: string } | { readonly action: string };

/** Texts and actions; a dash inside the braces takes the white space outside them. */
function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  let rest = source;
  for (
    let match = /\{\{(-?)\s*(.*?)\s*(-?)\}\}/s.exec(rest);
    match !== null;
    match = /\{\{(-?)\s*(.*?)\s*(-?)\}\}/s.exec(rest)
  ) {
    const before = rest.slice(0, match.index);
    tokens.push({ text: match[1] === '-' ? before.trimEnd() : before }, { action: match[2] });
    rest = rest.slice(match.index + match[0].length);
    if (match[3] === '-') rest = rest.trimStart();
  }
  return [...tokens, { text: rest }];
}

function parseNodes(tokens: readonly Token[], from: number): { nodes: Node[]; at: number } {
  const nodes: Node[] = [];
  let at = from;
  for (; at < tokens.length; at++) {
    const token = tokens[at];
    if ('text' in token) nodes.push(token);
    else if (token.action === 'end' || token.action === 'else') break;
    else if (token.action.startsWith('if ')) {
      const then = parseNodes(tokens, at + 1);
      const isElse = actionAt(tokens, then.at) === 'else';
      const otherwise = isElse ? parseNodes(tokens, then.at + 1) : { nodes: [], at: then.at };
      if (actionAt(tokens, otherwise.at) !== 'end') throw new Error(`no end of {{ ${token.action} }}`);
      nodes.push({ condition: token.action.slice(3), whenTrue: then.nodes, otherwise: otherwise.nodes });
      at = otherwise.at;
    } else if (/^(range|with|define|template|block|include)\b/.test(token.action)) {
      throw new Error(`this renderer does not know {{ ${token.action} }}`);
    } else nodes.push({ expression: token.action });
  }
  return { nodes, at };
}

function actionAt(tokens: readonly Token[], at: number): string | undefined {
  const token = tokens[at];
  return token !== undefined && 'action' in token ? token.action : undefined;
}

function renderNodes(nodes: readonly Node[], root: object): string {
  return nodes
    .map((node) => {
      if ('text' in node) return node.text;
      if ('expression' in node) return textOf(evaluate(node.expression, root));
      return renderNodes(isTrue(evaluate(node.condition, root)) ? node.whenTrue : node.otherwise, root);
    })
    .join('');
}

const FUNCTIONS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  quote: (value: unknown) => JSON.stringify(textOf(value)),
  default: (otherwise: unknown, value: unknown) => (isTrue(value) ? value : otherwise),
  toYaml: (value: unknown) => stringify(value, { lineWidth: 0 }).trimEnd(),
  nindent: (spaces: number, text: string) => `\n${text.replaceAll(/^(?=.)/gm, ' '.repeat(spaces))}`,
  eq: (left: unknown, right: unknown) => left === right,
  add: (left: number, right: number) => left + right,
};

/** A pipe: each part is a function with its arguments, to which the value before comes as the last one. */
function evaluate(expression: string, root: object): unknown {
  let value: unknown;
  for (const [at, part] of expression.split(/\s+\|\s+/).entries()) {
    const words = part.match(/"[^"]*"|\S+/g) ?? [];
    const known = FUNCTIONS[words[0] ?? ''] as ((...args: unknown[]) => unknown) | undefined;
    if (known === undefined && (words.length > 1 || at > 0))
      throw new Error(`there is no function in {{ ${expression} }}`);
    const args = (known === undefined ? words : words.slice(1)).map((word) => operand(word, root));
    value = known === undefined ? args[0] : known(...args, ...(at > 0 ? [value] : []));
  }
  return value;
}

function operand(word: string, root: object): unknown {
  if (word.startsWith('"')) return word.slice(1, -1);
  if (/^\d+$/.test(word)) return Number(word);
  if (!word.startsWith('.')) throw new Error(`"${word}" is neither a value nor a function`);
  return word
    .slice(1)
    .split('.')
    .reduce<unknown>((value, name) => {
      if (isMap(value)) return value[name];
      throw new Error(`${word}: nil pointer`);
    }, root);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Go templates take empty things for false. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

function textOf(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}
