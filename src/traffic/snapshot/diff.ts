import type { HostEntry, RulePage } from '../../core/protocol/gateway.ts';
import type { EntryKey } from './keys.ts';
import type { Shard } from './shard.ts';

/** What became of an entry between two versions. */
export type Change = 'added' | 'removed' | 'changed';

/** What is another between two versions. */
export type SnapshotChange =
  | {
      readonly kind: 'route';
      /** Of a listener and route: `https://shop.example.com`. */
      readonly host: string;
      readonly namespace: string;
      readonly name: string;
      readonly change: Change;
    }
  | {
      readonly kind: 'upstream' | 'policy';
      /** Of a policy its plural, else empty. */
      readonly resource: string;
      readonly namespaceUid: string;
      readonly name: string;
      readonly change: Change;
    };

/** What differs between the entries of one part of two versions; a part is whole hosts' pages, but not whole hosts. */
export function diffShards(before: Shard, after: Shard): SnapshotChange[] {
  const changes: SnapshotChange[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[key], after[key]];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    const kind = key.slice(0, key.indexOf(':'));
    const name = key.slice(key.indexOf(':') + 1);
    if (kind === 'host' || kind === 'page') {
      const host = kind === 'host' ? name : name.slice(0, name.lastIndexOf('#'));
      changes.push(...diffRules(host, rulesOf(key as EntryKey, was), rulesOf(key as EntryKey, is)));
    } else {
      const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
      const parts = name.split('/');
      const last = parts[parts.length - 1];
      const resource = kind === 'policy' ? parts[1] : '';
      changes.push({
        kind: kind === 'policy' ? 'policy' : 'upstream',
        resource,
        namespaceUid: parts[0],
        name: last,
        change,
      });
    }
  }
  return changes;
}

/** By route, what it has in a page, as a text that is the same for the same rules. */
type RulesByRoute = ReadonlyMap<string, string>;

function diffRules(host: string, before: RulesByRoute, after: RulesByRoute): SnapshotChange[] {
  const changes: SnapshotChange[] = [];
  for (const route of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(route), after.get(route)];
    if (was === is) continue;
    const [namespace, name] = route.split('/');
    const change = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    changes.push({ kind: 'route', host, namespace, name, change });
  }
  return changes;
}

function rulesOf(key: EntryKey, entry: unknown): RulesByRoute {
  const byRoute = new Map<string, string>();
  if (entry === undefined) return byRoute;
  const { rules, actions } = key.startsWith('host:') ? (entry as HostEntry).expressions : (entry as RulePage);
  for (const { action, ...rule } of rules) {
    const { route } = actions[action];
    const name = `${route.namespace}/${route.name}`;
    byRoute.set(name, `${byRoute.get(name) ?? ''}${JSON.stringify([rule, actions[action]])}`);
  }
  return byRoute;
}

/**
 * A route has rules in several parts of a host: one line for each, which is `changed` where the parts say different
 * things.
 */
export function mergeChanges(changes: readonly SnapshotChange[]): SnapshotChange[] {
  const merged = new Map<string, SnapshotChange>();
  for (const item of changes) {
    const { change, ...about } = item;
    const key = JSON.stringify(about);
    const present = merged.get(key);
    merged.set(key, present === undefined || present.change === change ? item : { ...item, change: 'changed' });
  }
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}
