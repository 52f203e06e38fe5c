import type { ObjectDatabase } from '../../core/object-database.ts';

/** Single values of the gateway's side, by name: counts, versions, and how far something has been gone through. */
export class Facts {
  private readonly database: ObjectDatabase;

  constructor(database: ObjectDatabase) {
    this.database = database;
  }

  /** Empty where there is none. */
  text(name: string): string {
    return String(this.database.exec('SELECT value FROM gateway_facts WHERE name = ?', name)[0]?.value ?? '');
  }

  /** 0 where there is none. */
  number(name: string): number {
    return Number(this.text(name));
  }

  set(name: string, value: string | number): void {
    if (value === '') this.database.exec('DELETE FROM gateway_facts WHERE name = ?', name);
    else this.database.exec('INSERT OR REPLACE INTO gateway_facts (name, value) VALUES (?, ?)', name, String(value));
  }
}
