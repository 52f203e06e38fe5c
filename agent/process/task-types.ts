import { FieldsError } from '../cli/command.ts';
import type { AgentConfig } from './config.ts';
import { loadPlugins } from './plugins.ts';
import type { TaskType } from './task-type.ts';
import { commandType } from './types/command.ts';
import { httpType } from './types/http.ts';

/** The task types a configuration comes to, by name. Throws FieldsError where it comes to none, or to two of one name. */
export async function taskTypesOf(config: AgentConfig): Promise<ReadonlyMap<string, TaskType>> {
  const { commands, httpHosts, plugins } = config;
  const types = [
    ...(commands.length > 0 ? [commandType(commands)] : []),
    ...(httpHosts.length > 0 ? [httpType(httpHosts)] : []),
    ...(plugins === undefined ? [] : await loadPlugins(plugins).catch(refusePlugins)),
  ];
  if (types.length === 0) throw new FieldsError('there is nothing to run: give commands, httpHosts or plugins', []);
  const byName = new Map<string, TaskType>();
  for (const type of types) {
    if (byName.has(type.name)) refusePlugins(`there are two types called "${type.name}"`);
    byName.set(type.name, type);
  }
  return byName;
}

function refusePlugins(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new FieldsError('the configuration cannot be', [{ path: 'plugins', message }]);
}
