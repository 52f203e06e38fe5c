import type { TaskMessage, TaskStepMessage } from '../core/protocol/messages.ts';
import type { WorkPorts } from './ports.ts';
import { handleTaskMessage } from './worker.ts';

/** The platform's own tasks: those of the built-in types. */
export interface Work {
  /** Does what a message asks; throws only where the queue or the broker cannot be reached. */
  handle(message: TaskMessage | TaskStepMessage): Promise<void>;
}

export function createWork(ports: WorkPorts): Work {
  return { handle: (message) => handleTaskMessage(ports, message) };
}
