import { readFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { FieldError } from '../../src/core/errors.ts';
import { FieldsError } from '../cli/command.ts';

/** What an agent is told. */
export interface AgentConfig {
  readonly agentId: string;
  readonly cluster: string;
  readonly queue: string;
  readonly zone: string | undefined;
  readonly address: string | undefined;
  readonly capabilities: readonly string[];
  readonly plugins: string | undefined;
  readonly commands: readonly string[];
  readonly httpHosts: readonly string[];
  readonly concurrency: number;
  readonly leaseSeconds: number;
  readonly heartbeatSeconds: number;
  readonly drainSeconds: number;
  readonly stateFolder: string;
  readonly port: number;
  readonly host: string;
  readonly registry: 'none' | 'etcd' | 'consul';
  readonly registryUrls: readonly string[];
  readonly registryService: string;
  readonly registryUser: string | undefined;
  readonly registrySecretFile: string | undefined;
}

type Kind =
  | { readonly of: 'text'; readonly pattern?: RegExp }
  | { readonly of: 'texts'; readonly pattern?: RegExp }
  | { readonly of: 'choice'; readonly choices: readonly string[] }
  | { readonly of: 'number'; readonly least: number; readonly most: number };

interface Field {
  readonly kind: Kind;
  readonly otherwise?: string | readonly string[] | number;
  /** What its value is called, and what it means. */
  readonly value: string;
  readonly summary: string;
  /** It holds for the life of the process: a reload leaves it. */
  readonly isFixed?: true;
}

const TEXT: Kind = { of: 'text' };
const NAME: Kind = { of: 'text', pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/ };
const CLUSTER: Kind = { of: 'text', pattern: /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/ };
const URLS: Kind = { of: 'texts', pattern: /^https?:\/\/[^\s/?#]+\/?$/ };
const number = (least: number, most: number): Kind => ({ of: 'number', least, most });

const FIELDS: Readonly<Record<keyof AgentConfig, Field>> = {
  agentId: { kind: NAME, value: 'NAME', summary: "the agent's name (default: the host's)", isFixed: true },
  cluster: {
    kind: CLUSTER,
    otherwise: 'default',
    value: 'NAME',
    summary: 'the cluster it joins (default: default)',
    isFixed: true,
  },
  queue: {
    kind: NAME,
    otherwise: 'default',
    value: 'NAME',
    summary: 'the queue its tasks are from (default: default)',
    isFixed: true,
  },
  zone: { kind: { of: 'text', pattern: /^.{1,100}$/ }, value: 'NAME', summary: 'where it is' },
  address: {
    kind: { of: 'text', pattern: /^[^\s/]{1,253}$/ },
    value: 'HOST',
    summary: 'where others reach its port, without it (default: what it listens on)',
    isFixed: true,
  },
  capabilities: {
    kind: { of: 'texts' },
    otherwise: [],
    value: 'NAME',
    summary: 'what it is capable of; tasks may require it',
  },
  plugins: { kind: TEXT, value: 'FOLDER', summary: 'a folder of modules that export a taskType each' },
  commands: {
    kind: { of: 'texts' },
    otherwise: [],
    value: 'PROGRAM',
    summary: 'a program tasks of type command may run; none is no such tasks',
  },
  httpHosts: {
    kind: { of: 'texts' },
    otherwise: [],
    value: 'HOST',
    summary: 'a host tasks of type http may reach, `*` for any; none is no such tasks',
  },
  concurrency: { kind: number(1, 1_000), otherwise: 10, value: 'NUMBER', summary: 'tasks at once (default 10)' },
  leaseSeconds: {
    kind: number(3, 86_400),
    otherwise: 30,
    value: 'SECONDS',
    summary: 'how long a task is leased at a time; without the agent it is free again after that (default 30)',
  },
  heartbeatSeconds: {
    kind: number(1, 300),
    otherwise: 30,
    value: 'SECONDS',
    summary: 'how often the cluster hears of it; three missed are its end (default 30)',
  },
  drainSeconds: {
    kind: number(0, 3_600),
    otherwise: 30,
    value: 'SECONDS',
    summary: 'how long running tasks have to end when it is stopped (default 30)',
  },
  stateFolder: {
    kind: TEXT,
    value: 'FOLDER',
    summary: 'where results wait until they are delivered (default: ~/.local/state/orasi/agent)',
    isFixed: true,
  },
  port: {
    kind: number(0, 65_535),
    otherwise: 8082,
    value: 'PORT',
    summary: 'where it answers /livez, /readyz, /metrics and /agent/ (default 8082; 0: a free one)',
    isFixed: true,
  },
  host: {
    kind: TEXT,
    otherwise: '127.0.0.1',
    value: 'ADDRESS',
    summary: 'the address of that port; it asks nobody who they are (default 127.0.0.1)',
    isFixed: true,
  },
  registry: {
    kind: { of: 'choice', choices: ['none', 'etcd', 'consul'] },
    otherwise: 'none',
    value: 'KIND',
    summary: 'a registry it registers in besides: none, etcd or consul (default none)',
    isFixed: true,
  },
  registryUrls: {
    kind: URLS,
    otherwise: [],
    value: 'URL',
    summary: "etcd's members, or the Consul agent",
    isFixed: true,
  },
  registryService: {
    kind: NAME,
    otherwise: 'orasi-agent',
    value: 'NAME',
    summary: 'the service it is registered as (default orasi-agent)',
    isFixed: true,
  },
  registryUser: { kind: TEXT, value: 'NAME', summary: "etcd's user", isFixed: true },
  registrySecretFile: {
    kind: TEXT,
    value: 'FILE',
    summary: "a file that holds etcd's password or Consul's token",
    isFixed: true,
  },
};

const NAMES = Object.keys(FIELDS) as (keyof AgentConfig)[];

/** `leaseSeconds` is `--lease-seconds` among options and `ORASI_AGENT_LEASE_SECONDS` in the environment. */
const optionOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const variableOf = (name: string) => `ORASI_AGENT_${optionOf(name).replaceAll('-', '_').toUpperCase()}`;

/** The fields as options of a command. */
export const AGENT_OPTIONS = Object.fromEntries(
  NAMES.map((name) => {
    const { kind, value, summary } = FIELDS[name];
    const choices = kind.of === 'choice' ? { choices: kind.choices } : {};
    return [optionOf(name), { value, summary, multiple: kind.of === 'texts', ...choices }];
  }),
);

type Env = Readonly<Record<string, string | undefined>>;

/** Options win over the environment, which wins over the file. Throws FieldsError with every fault. */
export async function readAgentConfig(
  file: string | undefined,
  env: Env,
  option: (name: string) => readonly string[],
): Promise<AgentConfig> {
  const said = file === undefined ? {} : await readFields(file);
  const errors: FieldError[] = Object.keys(said)
    .filter((name) => !Object.hasOwn(FIELDS, name))
    .map((name) => ({ path: name, message: 'there is no such field' }));
  const values: Record<string, unknown> = {};
  for (const name of NAMES) {
    const { kind, otherwise } = FIELDS[name];
    const texts = option(optionOf(name));
    const byEnv = env[variableOf(name)];
    const given =
      texts.length > 0 ? fromTexts(kind, texts) : byEnv ? fromTexts(kind, [byEnv]) : (said[name] ?? undefined);
    const fault = given === undefined ? undefined : faultOf(kind, given);
    if (fault !== undefined) errors.push({ path: name, message: fault });
    values[name] = given ?? otherwise;
  }
  values['agentId'] ??= nameOf(hostname());
  values['stateFolder'] ??= stateFolder(env);
  const { registry, registryUrls } = values as unknown as AgentConfig;
  if (registry !== 'none' && Array.isArray(registryUrls) && registryUrls.length === 0) {
    errors.push({ path: 'registryUrls', message: `expected where ${registry} is, such as http://127.0.0.1:2379` });
  }
  if (registry === 'consul' && registryUrls.length > 1) {
    errors.push({ path: 'registryUrls', message: 'expected one address: a registration belongs to one Consul agent' });
  }
  if (errors.length > 0) throw new FieldsError(`${file ?? 'the configuration'} cannot be`, errors);
  return values as unknown as AgentConfig;
}

/** The names of the fields in which `next` differs and that hold for the life of the process. */
export function fixedFieldsChanged(config: AgentConfig, next: AgentConfig): string[] {
  return NAMES.filter((name) => FIELDS[name].isFixed && JSON.stringify(config[name]) !== JSON.stringify(next[name]));
}

/** What a running agent takes of a new configuration. */
export function reloaded(config: AgentConfig, next: AgentConfig): AgentConfig {
  const kept = NAMES.filter((name) => FIELDS[name].isFixed).map((name) => [name, config[name]]);
  return { ...next, ...Object.fromEntries(kept) };
}

function nameOf(host: string): string {
  const name = host.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 63) || 'agent';
}

function stateFolder(env: Env): string {
  return join(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state'), 'orasi', 'agent');
}

async function readFields(file: string): Promise<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new FieldsError(
      `${file} cannot be read: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
      [],
    );
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new FieldsError(`${file} holds no fields`, []);
  return value as Record<string, unknown>;
}

function fromTexts(kind: Kind, texts: readonly string[]): unknown {
  if (kind.of === 'texts') return texts.flatMap((text) => text.split(',')).filter((text) => text !== '');
  const text = texts.at(-1) ?? '';
  return kind.of === 'number' && /^\d+$/.test(text) ? Number(text) : text;
}

function faultOf(kind: Kind, value: unknown): string | undefined {
  switch (kind.of) {
    case 'number': {
      const sound = typeof value === 'number' && Number.isInteger(value) && value >= kind.least && value <= kind.most;
      return sound ? undefined : `expected a whole number from ${kind.least} to ${kind.most}`;
    }
    case 'choice':
      return typeof value === 'string' && kind.choices.includes(value)
        ? undefined
        : `expected ${kind.choices.join(', ')}`;
    case 'texts': {
      if (!Array.isArray(value) || !value.every((each) => typeof each === 'string' && each !== '')) {
        return 'expected a list of texts';
      }
      const odd = value.find((each) => kind.pattern?.test(each) === false);
      return odd === undefined ? undefined : `"${odd}" does not match ${kind.pattern?.source}`;
    }
    case 'text':
      if (typeof value !== 'string' || value === '') return 'expected a text';
      return kind.pattern?.test(value) === false ? `expected ${kind.pattern.source}` : undefined;
  }
}
