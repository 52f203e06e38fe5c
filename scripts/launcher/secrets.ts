import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface Secrets {
  readonly ADMIN_TOKEN: string;
  readonly ENCRYPTION_KEY: string;
}

/**
 * The secrets of a file in `.dev.vars` form (`NAME=value` lines), generated and appended where the file lacks one:
 * a token that changed with every start would lock out its holders, a key that changed would lose every `Secret`.
 */
export function readOrCreateSecrets(path: string): Secrets {
  const found = existsSync(path) ? parseVars(readFileSync(path, 'utf8')) : {};
  const secrets: Secrets = {
    ADMIN_TOKEN: found['ADMIN_TOKEN'] || `orasi-admin-${randomBytes(24).toString('base64url')}`,
    ENCRYPTION_KEY: found['ENCRYPTION_KEY'] || randomBytes(32).toString('base64'),
  };
  const missing = Object.entries(secrets).filter(([name]) => !found[name]);
  if (missing.length > 0) {
    const before = existsSync(path) ? readFileSync(path, 'utf8').replace(/\n?$/, '\n') : '';
    writeFileSync(path, before.trimStart() + missing.map(([name, value]) => `${name}=${value}\n`).join(''));
    chmodSync(path, 0o600);
  }
  return secrets;
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
