import type { SettingsSnapshot } from '../src/core/protocol/settings.ts';
import type { Log } from '../src/observe/log.ts';

const KEY = 'settings';

/**
 * The settings of an object, and the last good ones of them in its own storage, so that neither an outage of the
 * control plane nor the object's end puts the defaults in force.
 */
export class ObjectSettings<T> {
  readonly #storage: SyncKvStorage;
  readonly #load: () => Promise<SettingsSnapshot<T>>;
  readonly #log: Log;
  #version: number;
  #present: T;

  /** `usual` holds where nothing was ever declared. `load` is asked at every call, and remembers by itself. */
  constructor(storage: SyncKvStorage, usual: T, load: () => Promise<SettingsSnapshot<T>>, log: Log) {
    this.#storage = storage;
    this.#load = load;
    this.#log = log;
    const kept = storage.get<{ version: number; settings: T }>(KEY);
    this.#version = kept?.version ?? 0;
    this.#present = kept?.settings ?? usual;
  }

  get present(): T {
    return this.#present;
  }

  /** Takes up newer settings; says whether they are others. */
  async renew(): Promise<boolean> {
    let snapshot: SettingsSnapshot<T>;
    try {
      snapshot = await this.#load();
    } catch (error) {
      this.#log.warn('the control plane does not answer; the last settings stay in force', { error });
      return false;
    }
    const { version, settings } = snapshot;
    // Another instance of the Worker may know less than this object did.
    if (version <= this.#version) return false;
    this.#version = version;
    if (JSON.stringify(settings) === JSON.stringify(this.#present)) return false;
    this.#present = settings;
    this.#storage.put(KEY, { version, settings });
    return true;
  }
}
