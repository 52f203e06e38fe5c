/** A binary heap whose items know their place, so that one can leave it or move within it in logarithmic time. */
export class KeyedHeap<T> {
  private readonly items: T[] = [];
  private readonly places = new Map<T, number>();
  private readonly compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.compare = compare;
  }

  get size(): number {
    return this.items.length;
  }

  /** The least item; null where there is none. */
  top(): T | null {
    return this.items.length === 0 ? null : this.items[0];
  }

  /** Adds an item, or moves one whose order has changed since. */
  put(item: T): void {
    const place = this.places.get(item);
    if (place === undefined) this.items.push(item);
    const at = this.up(item, place ?? this.items.length - 1);
    this.down(item, at);
  }

  remove(item: T): void {
    const at = this.places.get(item);
    if (at === undefined) return;
    this.places.delete(item);
    const last = this.items.pop();
    if (last === undefined || last === item) return;
    this.down(last, this.up(last, at));
  }

  private up(item: T, from: number): number {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.compare(this.items[parent], item) <= 0) break;
      this.set(at, this.items[parent]);
      at = parent;
    }
    this.set(at, item);
    return at;
  }

  private down(item: T, from: number): void {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.items.length) break;
      if (child + 1 < this.items.length && this.compare(this.items[child + 1], this.items[child]) < 0) child += 1;
      if (this.compare(this.items[child], item) >= 0) break;
      this.set(at, this.items[child]);
      at = child;
    }
    this.set(at, item);
  }

  private set(at: number, item: T): void {
    this.items[at] = item;
    this.places.set(item, at);
  }
}
