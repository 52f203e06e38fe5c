import { agentCommands } from '../commands/agent.ts';
import { applyCommands } from '../commands/apply.ts';
import { clusterCommands } from '../commands/cluster.ts';
import { clusterKvCommands } from '../commands/cluster-kv.ts';
import { contextCommands } from '../commands/context.ts';
import { datasetCommands } from '../commands/datasets.ts';
import { explainCommands } from '../commands/explain.ts';
import { gatewayCommands } from '../commands/gateway.ts';
import { keyCommands } from '../commands/keys.ts';
import { objectCommands } from '../commands/objects.ts';
import { queryCommands } from '../commands/query.ts';
import { queueCommands } from '../commands/queues.ts';
import { resourceCommands } from '../commands/resources.ts';
import { shellCommands } from '../commands/shell.ts';
import { taskCommands } from '../commands/tasks.ts';
import type { Command } from './command.ts';

/** Every command, in the order help lists them. */
export const COMMANDS: readonly Command[] = [
  ...queryCommands,
  ...objectCommands,
  ...datasetCommands,
  ...resourceCommands,
  ...applyCommands,
  ...explainCommands,
  ...gatewayCommands,
  ...taskCommands,
  ...queueCommands,
  ...clusterCommands,
  ...clusterKvCommands,
  ...agentCommands,
  ...keyCommands,
  ...contextCommands,
  ...shellCommands,
];
