import type { Instance } from '../../scripts/launcher.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Act, Operation } from '../linearizability/history.ts';

/** What one client knows of a key: its value and the ETag it was read or written at. */
interface Known {
  readonly value: string | null;
  readonly etag: string | null;
}

/**
 * Concurrent clients of a cluster's keys over HTTP, and what each did and was told. A call that is not answered, or
 * answered with an error of the server, may have taken effect or not: it is written down as such.
 */
export class HistoryClients {
  readonly history: Operation[] = [];
  private readonly cluster: string;
  private readonly keys: readonly string[];
  private values = 0;
  private stopped = false;

  /** `cluster` is its path, `/v1/namespaces/…`. */
  constructor(cluster: string, keys: readonly string[]) {
    this.cluster = cluster;
    this.keys = keys;
  }

  /** Runs so many clients until `stop`, or until the instance answers no more. */
  async run(instance: () => Instance, clients: number, seed: number): Promise<void> {
    this.stopped = false;
    await Promise.all(Array.from({ length: clients }, (_, at) => this.client(instance, seed * 1000 + at)));
  }

  stop(): void {
    this.stopped = true;
  }

  private async client(instance: () => Instance, seed: number): Promise<void> {
    const random = seededRandom(seed);
    const known = new Map<string, Known>();
    while (!this.stopped) {
      const key = this.keys[Math.floor(random.next() * this.keys.length)] ?? '';
      const asked = this.ask(Math.floor(random.next() * 10), known.get(key));
      if (!(await this.perform(instance(), key, asked, known))) return;
    }
  }

  private ask(turn: number, known: Known | undefined): Act {
    this.values += 1;
    const value = `v${this.values}`;
    if (turn < 4) return { type: 'get', value: null };
    if (turn < 6) return { type: 'put', value };
    if (turn < 7) return { type: 'delete' };
    return { type: 'cas', expected: known?.value ?? null, value };
  }

  /** False: there was no answer, and the client is done. */
  private async perform(instance: Instance, key: string, asked: Act, known: Map<string, Known>): Promise<boolean> {
    const calledAt = performance.now();
    try {
      const response = await instance.fetch(`${this.cluster}/kv/${key}`, this.requestOf(asked, known.get(key)));
      const text = await response.text();
      const answeredAt = performance.now();
      if (response.status >= 500) throw new Error(`${response.status} ${text}`);
      const told = this.toldOf(asked, response.status, JSON.parse(text));
      const etag = response.headers.get('etag');
      if (told.act.type === 'get' || told.act.type === 'put') known.set(key, { value: told.act.value, etag });
      else if (told.act.type === 'cas' && told.act.swapped === true) known.set(key, { value: told.act.value, etag });
      else if (told.act.type === 'delete') known.set(key, { value: null, etag: null });
      else known.delete(key);
      this.history.push({ key, calledAt, answeredAt, ...told });
      return true;
    } catch {
      this.history.push({ key, calledAt, answeredAt: Number.POSITIVE_INFINITY, act: asked });
      return false;
    }
  }

  private requestOf(act: Act, known: Known | undefined) {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    switch (act.type) {
      case 'get':
        return { method: 'GET' };
      case 'delete':
        return { method: 'DELETE' };
      case 'put':
        return { method: 'PUT', headers, body: JSON.stringify({ value: act.value }) };
      case 'cas': {
        if (known?.etag === undefined || known.etag === null) headers['if-none-match'] = '*';
        else headers['if-match'] = known.etag;
        return { method: 'PUT', headers, body: JSON.stringify({ value: act.value }) };
      }
    }
  }

  private toldOf(
    act: Act,
    status: number,
    body: { value?: string; revision?: number; deleted?: number },
  ): { act: Act; revision?: number } {
    const { revision } = body;
    const expected = { get: [200, 404], put: [200], delete: [200], cas: [200, 412] }[act.type];
    if (!expected.includes(status)) throw new Error(`${act.type} was answered ${status}: ${JSON.stringify(body)}`);
    switch (act.type) {
      case 'get':
        return status === 404 ? { act } : { act: { ...act, value: body.value ?? null }, revision };
      case 'put':
        return { act, revision };
      case 'delete':
        return { act: { ...act, existed: body.deleted === 1 }, revision };
      case 'cas':
        return status === 412 ? { act: { ...act, swapped: false } } : { act: { ...act, swapped: true }, revision };
    }
  }
}
