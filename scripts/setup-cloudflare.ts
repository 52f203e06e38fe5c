/**
 * `npm run setup:cloudflare`: makes what the deployment needs in a Cloudflare account, by driving wrangler. It may be
 * run again at any time. `-- --dry-run` prints the commands and runs none; `--location <weur|eeur|apac|wnam|enam|oc>`
 * says where bucket and database are; `--expire-inbox-days <n>` lets objects of the inbox expire (docs/deploy.md).
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PROJECT_ROOT } from './project-root.ts';
import { setUpAccount } from './setup/account.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'dry-run': { type: 'boolean', default: false },
      location: { type: 'string' },
      'expire-inbox-days': { type: 'string' },
      config: { type: 'string', default: join(PROJECT_ROOT, 'wrangler.toml') },
    },
  });
  const days = values['expire-inbox-days'];
  if (days !== undefined && !(Number(days) >= 1)) throw new Error(`--expire-inbox-days ${days}: expected at least 1`);
  await setUpAccount({
    configPath: resolve(values.config),
    dryRun: values['dry-run'],
    location: values.location,
    expireInboxDays: days === undefined ? undefined : Number(days),
    env: process.env,
    say: (line) => process.stdout.write(`${line}\n`),
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
