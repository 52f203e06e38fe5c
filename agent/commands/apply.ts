import { type Call, type Command, FieldsError, UsageError } from '../cli/command.ts';
import type { Client } from '../client/client.ts';
import { ApiError, isTransient } from '../client/errors.ts';
import { type Applied, applyManifest, type Manifest } from '../client/resources.ts';
import { nameOf, readTargets, type Target } from './targets.ts';

/** `orasi apply` */
export const applyCommands: readonly Command[] = [
  {
    words: ['apply'],
    summary: 'create resources or change them to what files say',
    options: {
      file: {
        value: 'FILE',
        short: 'f',
        multiple: true,
        summary: 'YAML or JSON, of several documents; a folder of such files; `-` is standard input',
        completes: 'files',
      },
      'dry-run': { summary: 'have the server check and change nothing' },
    },
    details: [
      'The server checks every document first. Where it refuses one, nothing is applied: what a file says belongs together, and a route without its policy would be open.',
      'What a file does not say of an object goes back to its default; labels and annotations others set stay. With a\nmetadata.resourceVersion an object is changed only where it still has that version.',
    ],
    examples: ['orasi apply -f pipelines.yaml', 'orasi apply -f deploy/ --dry-run'],
    run: apply,
  },
];

/** What the server says of a document that it is to check and not to keep. */
type Verdict =
  | { readonly type: 'passes'; readonly result: Applied; readonly object: Manifest }
  /** It cannot be checked yet: a document before it makes its namespace. */
  | { readonly type: 'waits' }
  | { readonly type: 'refused'; readonly error: ApiError };

interface Checked {
  readonly target: Target;
  readonly verdict: Verdict;
}

async function apply(call: Call): Promise<number> {
  const { options, output } = call;
  if (options.texts('file').length === 0) throw new UsageError('--file is missing: orasi apply -f FILE');
  const { connection, targets } = await readTargets(call);
  const { client } = connection;
  const isDryRun = options.flag('dry-run');
  const items: Manifest[] = [];
  const say = (target: Target, said: string) =>
    output.isJson ? Promise.resolve() : output.write(`${nameOf(target)} ${said}${isDryRun ? ' (dry run)' : ''}\n`);
  const write = async (target: Target) => {
    const { result, object } = await applyManifest(client, target.kind, target.namespace, target.manifest, false);
    items.push(object);
    await say(target, result);
  };

  const checked = await check(client, targets);
  if (isDryRun) {
    for (const { target, verdict } of checked) {
      if (verdict.type === 'waits') await say(target, `not checked: namespace ${target.namespace} is not there yet`);
      if (verdict.type !== 'passes') continue;
      items.push(verdict.object);
      await say(target, verdict.result);
    }
    if (output.isJson) await output.json({ items });
    throwRefused(checked, 'would be refused');
    return 0;
  }
  throwRefused(checked, 'refused: nothing is applied');

  const waiting = checked.filter(({ verdict }) => verdict.type === 'waits').map(({ target }) => target);
  const awaited = new Set(waiting.map(({ namespace }) => namespace));
  const namespaces = targets.filter((target) => isNamespace(target) && awaited.has(target.manifest.metadata.name));
  let at: Target | undefined;
  try {
    for (at of namespaces) await write(at);
    at = undefined;
    throwRefused(await check(client, waiting), 'refused: nothing but their namespaces is applied');
    for (at of targets) if (!namespaces.includes(at)) await write(at);
  } catch (error) {
    if (output.isJson) await output.json({ items });
    if (at === undefined || !(error instanceof ApiError)) throw error;
    // What passed the check has changed since. Those behind it may rely on it, so they are left.
    throw new FieldsError(`${items.length} of ${targets.length} documents are applied, then one was refused`, [
      { path: placeOf(at), message: messageOf(error) },
    ]);
  }
  if (output.isJson) await output.json({ items });
  return 0;
}

/** Has the server check each document. Throws what is no word on a document: that nobody answers, or knows the token. */
async function check(client: Client, targets: readonly Target[]): Promise<Checked[]> {
  const made = new Set<string>();
  const checked: Checked[] = [];
  for (const target of targets) {
    const verdict = await checkOne(client, target, made);
    checked.push({ target, verdict });
    if (isNamespace(target) && verdict.type === 'passes') made.add(target.manifest.metadata.name);
  }
  return checked;
}

async function checkOne(client: Client, target: Target, made: ReadonlySet<string>): Promise<Verdict> {
  const { kind, namespace, manifest } = target;
  try {
    return { type: 'passes', ...(await applyManifest(client, kind, namespace, manifest, true)) };
  } catch (error) {
    if (!(error instanceof ApiError) || isTransient(error) || error.status === 401) throw error;
    // Of what is to be created only its namespace can be missing.
    if (error.status === 404 && kind.namespaced && made.has(namespace)) return { type: 'waits' };
    return { type: 'refused', error };
  }
}

/** Throws FieldsError with every document that is refused, where any is. */
function throwRefused(checked: readonly Checked[], outcome: string): void {
  const refused = checked.flatMap(({ target, verdict }) =>
    verdict.type === 'refused' ? [{ path: placeOf(target), message: messageOf(verdict.error) }] : [],
  );
  if (refused.length === 0) return;
  throw new FieldsError(`${refused.length} of ${checked.length} documents ${outcome}`, refused);
}

function isNamespace({ kind, manifest }: Target): boolean {
  return manifest.apiVersion === 'v1' && kind.kind === 'Namespace';
}

function placeOf(target: Target): string {
  return `${target.place}, ${nameOf(target)}`;
}

function messageOf({ message, status, code }: ApiError): string {
  return `${message} (${status} ${code})`;
}
