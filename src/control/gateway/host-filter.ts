import type { HostKey } from '../../core/protocol/gateway.ts';
import { encodeHashes } from '../../traffic/snapshot/hash-set.ts';
import { hostHash } from '../../traffic/snapshot/keys.ts';

/**
 * The hashes of all hosts, kept in memory from one publication to the next: with very many hosts, reading them all is
 * most of what a publication costs. One that goes makes it be read anew, since two hosts may share a hash.
 */
export class HostFilter {
  private readonly readAll: () => HostKey[];
  private hashes: Set<number> | null = null;
  private text: string | null = null;

  constructor(readAll: () => HostKey[]) {
    this.readAll = readAll;
  }

  add(host: HostKey): void {
    if (this.hashes === null) return;
    const hash = hostHash(host);
    if (this.hashes.has(hash)) return;
    this.hashes.add(hash);
    this.text = null;
  }

  forget(): void {
    this.hashes = null;
    this.text = null;
  }

  encoded(): string {
    this.hashes ??= new Set(this.readAll().map(hostHash));
    this.text ??= encodeHashes(this.hashes);
    return this.text;
  }
}
