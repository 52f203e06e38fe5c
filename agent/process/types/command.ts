import { spawn } from 'node:child_process';
import { TaskError, type TaskRun, type TaskType } from '../task-type.ts';

/** What is kept of each of a program's outputs: its end, two of them within the result of a task. */
const OUTPUT_BYTES = 60_000;
/** A program that is asked to end has so long before it is killed. */
const GRACE_MS = 5_000;

/**
 * The type `command`: runs a program, `{ "command": ["program", "argument", …], "stdin"?: "text" }`, without a shell.
 * An exit code other than 0 is a failure that may be tried again; a program that is not allowed or not there is none.
 */
export function commandType(allowed: readonly string[], graceMs = GRACE_MS): TaskType {
  return {
    name: 'command',
    run(task) {
      const { program, args, stdin } = payloadOf(task.payload);
      if (!allowed.includes(program)) {
        throw new TaskError(`this agent does not run "${program}"`, { retryable: false });
      }
      return runProgram(task, program, args, stdin, graceMs);
    },
  };
}

function payloadOf(payload: unknown): { program: string; args: string[]; stdin: string } {
  const { command, stdin = '' } = (payload ?? {}) as { command?: unknown; stdin?: unknown };
  const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0');
  if (!Array.isArray(command) || command.length === 0 || !command.every(isText) || typeof stdin !== 'string') {
    throw new TaskError('the payload is not { "command": ["program", "argument", …], "stdin"?: "text" }', {
      retryable: false,
    });
  }
  const [program, ...args] = command;
  return { program, args, stdin };
}

function runProgram(
  { taskId, attempt, signal }: TaskRun,
  program: string,
  args: string[],
  stdin: string,
  graceMs: number,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // In a group of its own, so that what it starts ends with it.
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: { ...withoutSecrets(process.env), ORASI_TASK_ID: taskId, ORASI_TASK_ATTEMPT: String(attempt) } as never,
    });
    const outputs = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        outputs[name] = (outputs[name] + text).slice(-OUTPUT_BYTES);
      });
    }
    let killing: NodeJS.Timeout | undefined;
    /** Signals all that is left of the group, 0 for nothing but to ask; false where nothing is. */
    const kill = (name: NodeJS.Signals | 0): boolean => {
      try {
        return child.pid !== undefined && process.kill(-child.pid, name);
      } catch {
        return false;
      }
    };
    const stop = () => {
      kill('SIGTERM');
      killing = setTimeout(() => kill('SIGKILL'), graceMs);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    const ended = () => {
      // What it started may outlive it, deaf to SIGTERM.
      if (!kill(0)) clearTimeout(killing);
      signal.removeEventListener('abort', stop);
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      ended();
      const missing = error.code === 'ENOENT' || error.code === 'EACCES';
      reject(new TaskError(`"${program}" cannot be run: ${error.message}`, { retryable: !missing, cause: error }));
    });
    child.on('close', (code, by) => {
      ended();
      if (code === 0) {
        const [stdout, stderr] = [outputs.stdout, outputs.stderr].map((text) => endWithin(text, OUTPUT_BYTES));
        return resolve({ exitCode: 0, stdout, stderr });
      }
      const last = outputs.stderr.trim().split('\n').at(-1) ?? '';
      const how = code === null ? `was ended by ${by}` : `ended with ${code}`;
      reject(new TaskError(`"${program}" ${how}${last === '' ? '' : `: ${last}`}`, { retryable: true }));
    });
  });
}

/** The end of a text, in at most so many bytes of JSON, where a control character may take six. */
function endWithin(text: string, bytes: number): string {
  let kept = text;
  while (Buffer.byteLength(JSON.stringify(kept)) > bytes) kept = kept.slice(Math.ceil(kept.length / 8));
  return kept;
}

/** A task has no business with the agent's own access. */
function withoutSecrets(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ORASI_')));
}
