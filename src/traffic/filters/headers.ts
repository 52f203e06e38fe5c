import type { HeaderChanges } from '../../core/protocol/gateway.ts';

/** Headers that can be changed in place. */
export interface ChangeableHeaders {
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string): void;
}

/** Removes, then sets, then adds: what a filter removes and sets has one value, what it sets and adds two. */
export function changeHeaders(headers: ChangeableHeaders, changes: HeaderChanges): void {
  for (const name of changes.remove) headers.delete(name);
  for (const { name, value } of changes.set) headers.set(name, value);
  for (const { name, value } of changes.add) headers.append(name, value);
}
