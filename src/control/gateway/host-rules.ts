import { LIMITS } from '../../core/limits.ts';
import type { ObjectDatabase } from '../../core/object-database.ts';
import type { CompiledRule, HostEntry, HostKey, RuleAction, RulePage } from '../../core/protocol/gateway.ts';
import { comparePrecedence } from '../../traffic/match/precedence.ts';
import { encodeHashes } from '../../traffic/snapshot/hash-set.ts';
import { hostEntryKey, pageEntryKey, pageOf } from '../../traffic/snapshot/keys.ts';
import type { GatewayEntries } from './entries.ts';
import { HostFilter } from './host-filter.ts';
import { EXPRESSIONS, hashOfPlace, placesOfPart } from './places.ts';

/** Rules of one path of one host, of one route. */
export interface RuleRow {
  readonly host: HostKey;
  readonly place: number;
  /** Of the longest prefix among its paths. */
  readonly segments: number;
  readonly prioritised: boolean;
  /** Of all expressions in its rules: what an isolate has to make and to ask. */
  readonly instructions: number;
  readonly page: RulePage;
}

/** Rules that stay as they were, and what there is no more room for: rules under their path, or expressions of their host. */
export interface RefusedRow {
  readonly row: RuleRow;
  readonly lacks: 'rules' | 'expressions';
}

/** A route by its name. */
export interface RouteName {
  readonly namespace: string;
  readonly name: string;
}

/** More rules than this and a page is split in two: what a request reads at the most. */
const RULES_A_PAGE = 64;
/** As many bytes count as that many rules. */
const BYTES_A_PAGE = 96 * 1024;
const MAX_PAGES = 1 << 15;
/** By host, the places that a route has rules in. */
export type PlacesByHost = Readonly<Record<HostKey, readonly number[]>>;

/** What a change adds to what is known of a host and a path. */
interface Growth {
  readonly segments: number;
  readonly rules: number;
  readonly bytes: number;
  readonly prioritised: number;
  readonly instructions: number;
}

/**
 * Rules by host and path, and the pages made of them, which are entries. A change marks the pages it touches; they are made
 * when something is published.
 */
export class HostRules {
  private readonly database: ObjectDatabase;
  private readonly entries: GatewayEntries;
  private readonly namespaceUid: (namespace: string) => string;
  private readonly known: HostFilter;

  constructor(database: ObjectDatabase, entries: GatewayEntries, namespaceUid: (namespace: string) => string) {
    this.database = database;
    this.entries = entries;
    this.namespaceUid = namespaceUid;
    this.known = new HostFilter(() =>
      this.database.exec('SELECT host FROM gateway_hosts').map((row) => row.host as HostKey),
    );
  }

  /**
   * Puts a route's rules in the place of those it had at `before`. Returns whether anything is another than it was, and
   * the rows that there is no room for any more: what the route had there stays.
   */
  replaceRules(
    route: RouteName,
    before: PlacesByHost,
    rows: readonly RuleRow[],
  ): { readonly changed: boolean; readonly refused: readonly RefusedRow[] } {
    let changed = false;
    const refused: RefusedRow[] = [];
    const kept = new Set(rows.map((row) => `${row.place} ${row.host}`));
    for (const [host, places] of Object.entries(before) as [HostKey, readonly number[]][]) {
      for (const place of places) {
        if (!kept.has(`${place} ${host}`)) changed = this.removeRule(route, host, place) || changed;
      }
    }
    for (const host of new Set(rows.map((row) => row.host))) changed = this.own(host, route.namespace) || changed;
    for (const row of rows) {
      const outcome = this.putRule(route, row);
      if (typeof outcome === 'boolean') changed = outcome || changed;
      else refused.push({ row, lacks: outcome });
    }
    return { changed, refused };
  }

  /**
   * Whether a rule names a policy, of `limit` rows behind a place of this search (empty at its beginning). `next` is the
   * place to go on from, empty where all were searched.
   */
  search(
    policy: `policy:${string}`,
    after: string,
    limit: number,
  ): { readonly isNamed: boolean; readonly next: string } {
    const rows = this.database.exec(
      `SELECT host, place, namespace, route, instr(body, ?) > 0 AS named FROM gateway_rules
       WHERE (host, place, namespace, route) > (?, ?, ?, ?) ORDER BY host, place, namespace, route LIMIT ?`,
      JSON.stringify(policy),
      ...(after === '' ? ['', 0, '', ''] : (JSON.parse(after) as [string, number, string, string])),
      limit,
    );
    const last = rows.length < limit ? undefined : rows[rows.length - 1];
    const next = last === undefined ? '' : JSON.stringify([last.host, last.place, last.namespace, last.route]);
    return { isNamed: rows.some(({ named }) => Number(named) === 1), next };
  }

  private removeRule(route: RouteName, host: HostKey, place: number): boolean {
    const [gone] = this.database.exec(
      `DELETE FROM gateway_rules WHERE ${RULE_KEY} RETURNING prioritised, instructions, length(body) AS bytes`,
      host,
      place,
      route.namespace,
      route.name,
    );
    if (gone === undefined) return false;
    const [bytes, prioritised, instructions] = [gone.bytes, gone.prioritised, gone.instructions].map(
      (lost) => -Number(lost),
    );
    this.countRules(host, place, { segments: 0, rules: -1, bytes, prioritised, instructions });
    return true;
  }

  /**
   * A host is the namespace's that has rules put there last, since a look puts them where the host was decided to be its
   * namespace's: what another still has there, until it is looked at as well, is not published any more.
   */
  private own(host: HostKey, namespace: string): boolean {
    const [present] = this.database.exec('SELECT owner, pages FROM gateway_hosts WHERE host = ?', host);
    if (present === undefined) {
      this.database.exec(
        `INSERT INTO gateway_hosts (host, owner, rules, bytes, prioritised, pages, instructions)
         VALUES (?, ?, 0, 0, 0, 1, 0)`,
        host,
        namespace,
      );
      return true;
    }
    if (present.owner === namespace) return false;
    this.database.exec('UPDATE gateway_hosts SET owner = ? WHERE host = ?', namespace, host);
    this.markDirty(host, EXPRESSIONS);
    for (let page = 0; page < Number(present.pages); page++) this.markDirty(host, page);
    return true;
  }

  /** Puts rules, or says what there is no room for. Returns whether they are others than before. */
  private putRule(route: RouteName, row: RuleRow): boolean | RefusedRow['lacks'] {
    const { host, place, segments } = row;
    const body = JSON.stringify(row.page);
    const key = [host, place, route.namespace, route.name] as const;
    const [present] = this.database.exec(
      `SELECT prioritised, instructions, body FROM gateway_rules WHERE ${RULE_KEY}`,
      ...key,
    );
    if (present !== undefined && present.body === body) return false;
    const bytes = body.length - (present === undefined ? 0 : String(present.body).length);
    const [path] = this.database.exec('SELECT bytes FROM gateway_paths WHERE host = ? AND place = ?', host, place);
    if (bytes > 0 && Number(path?.bytes ?? 0) + bytes > LIMITS.gatewayPathBytes) return 'rules';
    const instructions = row.instructions - Number(present?.instructions ?? 0);
    const [known] = this.database.exec('SELECT instructions FROM gateway_hosts WHERE host = ?', host);
    if (instructions > 0 && Number(known?.instructions ?? 0) + instructions > LIMITS.gatewayHostInstructions) {
      return 'expressions';
    }
    const prioritised = row.prioritised ? 1 : 0;
    this.database.exec(
      `INSERT OR REPLACE INTO gateway_rules (host, place, namespace, route, prioritised, instructions, body)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...key,
      prioritised,
      row.instructions,
      body,
    );
    this.countRules(host, place, {
      segments,
      rules: present === undefined ? 1 : 0,
      bytes,
      prioritised: prioritised - Number(present?.prioritised ?? 0),
      instructions,
    });
    return true;
  }

  /** Keeps what is known of a host beside its rules: how many there are, under which paths, in how many pages. */
  private countRules(host: HostKey, place: number, by: Growth): void {
    const [present] = this.database.exec('SELECT * FROM gateway_hosts WHERE host = ?', host);
    const rules = Number(present?.rules ?? 0) + by.rules;
    const bytes = Number(present?.bytes ?? 0) + by.bytes;
    const pages = Number(present?.pages ?? 1);
    const parts = Math.max(rules / RULES_A_PAGE, bytes / BYTES_A_PAGE);
    let next = pages;
    if (parts > next && next < MAX_PAGES) next *= 2;
    // Well below the half, so that a host at the edge does not go to and fro.
    else if (next > 1 && parts < next / 8) next /= 2;
    this.database.exec(
      `UPDATE gateway_hosts SET rules = ?, bytes = ?, prioritised = prioritised + ?, instructions = instructions + ?, pages = ?
       WHERE host = ?`,
      rules,
      bytes,
      by.prioritised,
      by.instructions,
      next,
      host,
    );
    const otherPaths = this.countPath(host, place, by);
    // What is in the host's own entry: its paths, its expressions, whether any rule has a priority.
    if (otherPaths || place === EXPRESSIONS || by.prioritised !== 0) this.markDirty(host, EXPRESSIONS);
    if (next === pages) {
      if (place !== EXPRESSIONS) this.markDirty(host, pageOf(hashOfPlace(place), pages));
      return;
    }
    for (let page = next; page < pages; page++) this.entries.put(pageEntryKey(host, page), null);
    this.database.exec('DELETE FROM gateway_dirty_pages WHERE host = ?', host);
    this.markDirty(host, EXPRESSIONS);
    for (let page = 0; page < next; page++) this.markDirty(host, page);
  }

  /** Returns whether the host has come to a path, or lost one. */
  private countPath(host: HostKey, place: number, { segments, rules: by, bytes }: Growth): boolean {
    const [path] = this.database.exec(
      `INSERT INTO gateway_paths (host, place, segments, rules, bytes) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET
         rules = rules + excluded.rules, bytes = bytes + excluded.bytes, segments = max(segments, excluded.segments)
       RETURNING rules`,
      host,
      place,
      segments,
      by,
      bytes,
    );
    const rules = Number(path?.rules ?? 0);
    if (rules <= 0) this.database.exec('DELETE FROM gateway_paths WHERE host = ? AND place = ?', host, place);
    return rules <= 0 || (by > 0 && rules === by);
  }

  private markDirty(host: HostKey, page: number): void {
    this.database.exec('INSERT OR IGNORE INTO gateway_dirty_pages (host, page) VALUES (?, ?)', host, page);
  }

  /** Makes at most `limit` of the pages that are marked. Returns whether none is left. */
  build(limit: number): boolean {
    const dirty = this.database.exec('SELECT host, page FROM gateway_dirty_pages LIMIT ?', limit + 1);
    for (const row of dirty.slice(0, limit)) {
      const host = row.host as HostKey;
      const page = Number(row.page);
      if (page === EXPRESSIONS) this.buildHost(host);
      else this.buildPage(host, page);
      this.database.exec('DELETE FROM gateway_dirty_pages WHERE host = ? AND page = ?', host, page);
    }
    return dirty.length <= limit;
  }

  private buildHost(host: HostKey): void {
    const known = this.database.exec('SELECT * FROM gateway_hosts WHERE host = ?', host)[0];
    if (known === undefined || Number(known.rules) === 0) {
      this.entries.put(hostEntryKey(host), null);
      this.entries.put(pageEntryKey(host, 0), null);
      this.database.exec('DELETE FROM gateway_hosts WHERE host = ?', host);
      this.known.forget();
      return;
    }
    const pages = Number(known.pages);
    const paths = this.database.exec('SELECT place, segments FROM gateway_paths WHERE host = ? AND place >= 0', host);
    const entry: Omit<HostEntry, 'namespace' | 'namespaceUid'> = {
      pages,
      paths: pages === 1 ? null : encodeHashes(paths.map((row) => hashOfPlace(Number(row.place)))),
      maxSegments: paths.reduce((most, row) => Math.max(most, Number(row.segments)), 0),
      expressions: this.mergedPage(host, String(known.owner), EXPRESSIONS, EXPRESSIONS),
      hasPriorities: Number(known.prioritised) > 0,
    };
    const namespace = String(known.owner);
    this.known.add(host);
    const namespaceUid = this.namespaceUid(namespace);
    this.entries.put(hostEntryKey(host), JSON.stringify({ namespace, namespaceUid, ...entry }));
  }

  private buildPage(host: HostKey, page: number): void {
    const known = this.database.exec('SELECT * FROM gateway_hosts WHERE host = ?', host)[0];
    if (known === undefined || Number(known.rules) === 0) return;
    const [first, last] = placesOfPart(page, Number(known.pages));
    const merged = this.mergedPage(host, String(known.owner), first, last);
    this.entries.put(pageEntryKey(host, page), merged.rules.length === 0 ? null : JSON.stringify(merged));
  }

  private mergedPage(host: HostKey, owner: string, first: number, last: number): RulePage {
    const actions: RuleAction[] = [];
    const rules: CompiledRule[] = [];
    const rows = this.database.exec(
      'SELECT body FROM gateway_rules WHERE host = ? AND place BETWEEN ? AND ? AND namespace = ?',
      host,
      first,
      last,
      owner,
    );
    for (const row of rows) {
      const part: RulePage = JSON.parse(String(row.body));
      const offset = actions.length;
      actions.push(...part.actions);
      for (const rule of part.rules) rules.push({ ...rule, action: rule.action + offset });
    }
    rules.sort((a, b) =>
      comparePrecedence({ rule: a, action: actions[a.action] }, { rule: b, action: actions[b.action] }),
    );
    return { rules, actions };
  }

  /** Hashes of the hosts that have an entry, as the manifest has them. */
  hosts(): string {
    return this.known.encoded();
  }
}

const RULE_KEY = 'host = ? AND place = ? AND namespace = ? AND route = ?';
