import type { ObjectDatabase } from '../../core/object-database.ts';
import type { JsonObject } from '../json.ts';
import type { PlacesByHost } from './host-rules.ts';

/** What a route has in the other tables, and the spec to fall back to. */
export interface RouteRecord {
  readonly uid: string;
  /** Where its rules lie. */
  readonly places: PlacesByHost;
  /** `namespace/gateway listener`. */
  readonly attachments: readonly string[];
  /** Targets of its references. */
  readonly references: readonly string[];
  /** Hostnames it holds claims on. */
  readonly claims: readonly string[];
  /** The last spec whose matches compile, where those of the present one do not. */
  readonly fallback: { readonly spec: JsonObject; readonly generation: number } | null;
}

/** Of a route that has not been looked at, or is gone. */
export const NO_ROUTE: RouteRecord = {
  uid: '',
  places: {},
  attachments: [],
  references: [],
  claims: [],
  fallback: null,
};

/** What a Gateway was found to be when it was looked at last. */
export interface GatewayRecord {
  readonly references: readonly string[];
  /** What routes have to know of it, as a text; another one has them looked at again. */
  readonly facts: string;
}

/** Of a Gateway that has not been looked at, or is gone. */
export const NO_GATEWAY: GatewayRecord = { references: [], facts: '' };

/** What a policy has in the other tables. */
export interface PolicyRecord {
  readonly references: readonly string[];
  /** What it is attached to, as texts; with its age they are its place among the policies. */
  readonly targets: readonly string[];
  readonly age: number;
  readonly entryKey: `policy:${string}` | null;
}

/** Of a policy that has not been looked at, or is gone. */
export const NO_POLICY: PolicyRecord = { references: [], targets: [], age: 0, entryKey: null };

/** What an Upstream has in the other tables. */
export interface UpstreamRecord {
  /** Of its entry; empty where it has none. */
  readonly key: string;
}

/** Of an Upstream that has not been looked at, or is gone. */
export const NO_UPSTREAM: UpstreamRecord = { key: '' };

/** The records, by the work that looks at them. */
export class Records {
  private readonly database: ObjectDatabase;

  constructor(database: ObjectDatabase) {
    this.database = database;
  }

  get<T>(work: string, otherwise: T): T {
    const row = this.database.exec('SELECT record FROM gateway_records WHERE work = ?', work)[0];
    return row === undefined ? otherwise : (JSON.parse(String(row.record)) as T);
  }

  /** Null forgets it. */
  put(work: string, record: RouteRecord | GatewayRecord | PolicyRecord | UpstreamRecord | null): void {
    if (record === null) this.database.exec('DELETE FROM gateway_records WHERE work = ?', work);
    else {
      this.database.exec(
        'INSERT OR REPLACE INTO gateway_records (work, record) VALUES (?, ?)',
        work,
        JSON.stringify(record),
      );
    }
  }
}
