import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

/** How a missing secret is made. */
const GENERATE = {
  ADMIN_TOKEN: () => `orasi-admin-${randomBytes(24).toString('base64url')}`,
  ENCRYPTION_KEY: () => randomBytes(32).toString('base64'),
};

export type SecretName = keyof typeof GENERATE;

const ALL: readonly SecretName[] = ['ADMIN_TOKEN', 'ENCRYPTION_KEY'];

/**
 * The secrets of a file in `.dev.vars` form (`NAME=value` lines), generated and appended where the file lacks one:
 * a token that changed with every start would lock out its holders, a key that changed would lose every `Secret`.
 */
export function readOrCreateSecrets<Name extends SecretName = SecretName>(
  path: string,
  names: readonly Name[] = ALL as readonly Name[],
): Record<Name, string> {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const found = parseVars(before);
  const entries = names.map((name) => [name, found[name] || GENERATE[name]()] as const);
  const added = entries.filter(([name]) => !found[name]);
  if (added.length > 0) {
    const lines = added.map(([name, value]) => `${name}=${value}\n`).join('');
    writeFileSync(path, (before === '' ? '' : before.replace(/\n?$/, '\n')) + lines);
    chmodSync(path, 0o600);
  }
  return Object.fromEntries(entries) as Record<Name, string>;
}

/** `NAME=value` lines, quotes around a value removed, comments and blank lines skipped. */
export function parseVars(text: string): Record<string, string> {
  const vars: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, name = '', value = ''] = match;
    vars[name] = /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value;
  }
  return vars;
}
