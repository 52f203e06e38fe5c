/**
 * Headers of a request in this isolate's own memory. The platform's `Headers` cross into the runtime with each call,
 * and a request is asked for a score of them on its way (docs/decisions/0165). Names are in any case; of a header that
 * was sent more than once the values stand with a comma between them (RFC 9110, section 5.3).
 */
export class HeaderList {
  readonly #values: Map<string, string>;

  constructor(values: Map<string, string> = new Map()) {
    this.#values = values;
  }

  static of(headers: Headers): HeaderList {
    const values = new Map<string, string>();
    headers.forEach((value, name) => {
      values.set(name, value);
    });
    return new HeaderList(values);
  }

  get size(): number {
    return this.#values.size;
  }

  get(name: string): string | null {
    return this.#values.get(name) ?? this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), value);
  }

  append(name: string, value: string): void {
    const before = this.get(name);
    this.set(name, before === null ? value : `${before}, ${value}`);
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  keys(): MapIterator<string> {
    return this.#values.keys();
  }

  entries(): MapIterator<[name: string, value: string]> {
    return this.#values.entries();
  }

  copy(): HeaderList {
    return new HeaderList(new Map(this.#values));
  }

  /** As `fetch` takes them. */
  toInit(): Record<string, string> {
    const init: Record<string, string> = {};
    for (const [name, value] of this.#values) init[name] = value;
    return init;
  }
}
