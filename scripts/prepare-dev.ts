/** Before `npm run dev`: the secrets that `wrangler dev` reads from .dev.vars, and the migrations in its own D1. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readOrCreateSecrets } from './launcher/secrets.ts';
import { quietWrangler, wranglerCommand } from './launcher/wrangler-command.ts';
import { PROJECT_ROOT } from './project-root.ts';

readOrCreateSecrets(join(PROJECT_ROOT, '.dev.vars'));
const { command, leading } = wranglerCommand();
const { status, stdout, stderr } = spawnSync(command, [...leading, 'd1', 'migrations', 'apply', 'CATALOG', '--local'], {
  cwd: PROJECT_ROOT,
  env: quietWrangler(),
  encoding: 'utf8',
});
if (status !== 0) process.stderr.write(`${stdout}${stderr}`);
process.exitCode = status ?? 1;
