import { createHash } from 'node:crypto';
import type { KvVerification } from '../../core/protocol/cluster-kv.ts';
import { bytesOf, type KvStore } from './store.ts';

/** Keys hashed at a time. */
const PAGE = 500;

/** Compares the tables with each other and with the history, and takes the digest of the state. */
export function verify(store: KvStore, maxLiveBytes: number): KvVerification {
  const revision = store.revision();
  const compactedRevision = store.compactedRevision();
  const count = (query: string): number =>
    Number(store.database.exec(`SELECT count(*) AS count FROM (${query})`)[0].count);
  const { keys, digest } = digestOf(store);
  const problems = PROBLEMS.flatMap(([query, problem]) => {
    const found = count(query);
    return found === 0 ? [] : [`${found} ${problem}`];
  });
  // Of the revisions still told of none may be missing; what is older is kept for its keys alone.
  const first = Math.max(2, compactedRevision);
  const told = count(`SELECT DISTINCT ${REVISION} FROM kv_history WHERE ${REVISION} >= ${first}`);
  if (revision >= first && told !== revision - first + 1) {
    problems.push(`${revision - first + 1 - told} revisions that the history does not tell of`);
  }
  const liveBytes = Number(store.database.exec(LIVE_BYTES)[0].bytes);
  if (liveBytes !== store.liveBytes()) {
    problems.push(`keys and values of ${liveBytes} bytes, which were counted as ${store.liveBytes()}`);
  }
  return {
    op: 'verify',
    revision,
    compactedRevision,
    keys,
    leases: count('SELECT id FROM kv_leases'),
    liveBytes,
    maxLiveBytes,
    digest,
    problems,
  };
}

const LIVE_BYTES = 'SELECT coalesce(sum(length(key) + coalesce(length(value), 0)), 0) AS bytes FROM kv';
const REVISION = 'position / 1048576';
const LAST = `SELECT key, value, create_revision, version, lease, max(position) AS position FROM kv_history GROUP BY key`;

/** What must select nothing, and what it is where it does. */
const PROBLEMS: readonly (readonly [query: string, problem: string])[] = [
  [
    `SELECT kv.key FROM kv LEFT JOIN (${LAST}) AS last ON last.key = kv.key
     WHERE last.key IS NULL OR last.version <> kv.version OR last.create_revision <> kv.create_revision
       OR last.${REVISION} <> kv.mod_revision OR last.lease <> kv.lease OR last.value IS NOT kv.value`,
    'keys that are not as the history has them',
  ],
  [
    `SELECT last.key FROM (${LAST}) AS last LEFT JOIN kv ON kv.key = last.key WHERE last.version > 0 AND kv.key IS NULL`,
    'keys that the history has and the state has not',
  ],
  [
    'SELECT key FROM kv WHERE version < 1 OR create_revision > mod_revision OR create_revision < 2',
    'keys whose version or revisions cannot be',
  ],
  [
    "SELECT key FROM kv WHERE lease <> '0' AND lease NOT IN (SELECT id FROM kv_leases)",
    'keys with a lease that is not there',
  ],
  [
    `SELECT position FROM (
       SELECT position, version, lag(version) OVER (PARTITION BY key ORDER BY position) AS before FROM kv_history)
     WHERE before IS NOT NULL AND version NOT IN (0, before + 1)`,
    'writes of a version that does not follow the one before',
  ],
  [
    `SELECT position FROM (
       SELECT position, total_bytes, lag(total_bytes) OVER (ORDER BY position) AS before FROM kv_history)
     WHERE total_bytes < before`,
    'places of the history where its size shrinks',
  ],
];

function digestOf(store: KvStore): { keys: number; digest: string } {
  const hash = createHash('sha256');
  let after: Uint8Array | undefined;
  let keys = 0;
  for (;;) {
    const page = store.database.exec(
      `SELECT * FROM kv ${after === undefined ? '' : 'WHERE key > ?'} ORDER BY key LIMIT ${PAGE}`,
      ...(after === undefined ? [] : [after]),
    );
    for (const row of page) {
      const key = bytesOf(row.key);
      const value = bytesOf(row.value);
      hash.update(
        `${key.length} ${value.length} ${row.create_revision} ${row.mod_revision} ${row.version} ${row.lease}\n`,
      );
      hash.update(key);
      hash.update(value);
      after = key;
    }
    keys += page.length;
    if (page.length < PAGE) return { keys, digest: hash.digest('hex') };
  }
}
