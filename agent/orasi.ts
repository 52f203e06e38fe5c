import { COMMANDS } from './cli/commands.ts';
import { main } from './cli/main.ts';

// Whoever reads our output may stop: that is the end of the work, and no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

const { stdin, stdout, stderr, env } = process;
const code = await main(process.argv.slice(2), COMMANDS, { stdin, stdout, stderr, env });
// What is left may hold the process: an open standard input, a plugin that does not stop. What was written goes out.
stdout.write('', () => process.exit(code));
