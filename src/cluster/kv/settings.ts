import { LIMITS } from '../../core/limits.ts';
import type { KvSettings } from './machine.ts';

const MiB = 1024 * 1024;

/** The bounds of a cluster's state. A key with its value is written twice in a row each, so it is well below a row. */
export const KV_DEFAULTS: KvSettings = Object.freeze({
  historyRevisions: LIMITS.watchHistoryRevisions,
  historyBytes: 64 * MiB,
  // etcd's bound of a request; below what SQLite takes for a value.
  valueBytes: 1.5 * MiB,
  // Half of what a Worker's RPC carries, and base64 makes a third more of it.
  answerBytes: 16 * MiB,
});
