/** What a resource declares for one object of the data path, defaults filled in; of an undeclared one the defaults. */
export interface SettingsSnapshot<T> {
  /** Grows with every change of a declaration in the namespace; 0 where there never was one. */
  readonly version: number;
  /** The namespace's name, for messages to people; null where it is gone. */
  readonly namespace: string | null;
  readonly settings: T;
}
