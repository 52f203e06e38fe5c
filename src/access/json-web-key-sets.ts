import type { AddressBlock } from '../core/address-blocks.ts';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { outboundFault } from '../core/outbound.ts';
import { publicKeyFault } from '../traffic/json-web-keys.ts';

/** Public keys of issuers, as an isolate has them. */
export interface KeySetParts {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly clock: Clock;
  /** Private addresses that may be asked. */
  readonly allowed: readonly AddressBlock[];
  /** Resolves after so many milliseconds, in the request that calls it. */
  readonly pause: (ms: number) => Promise<void>;
}

/** A JSON Web Key (RFC 7517) that `publicKeyFault` found nothing wrong with. */
export type PublicKey = Readonly<Record<string, unknown>>;

/** The keys of an issuer, as they were read. */
export interface KeySet {
  readonly keys: readonly PublicKey[];
  /** Another one for each time the keys were read and had changed. */
  readonly generation: number;
}

/** Where keys come from: a set's address, or an issuer that says where its set is. */
export type KeySource = { readonly url: string } | { readonly issuer: string };

/** Thrown where there are no keys to be had: the caller's token may be right. */
export class KeysUnavailable extends Error {}

/** How often one that waits looks whether the keys have come: requests may not wait for each other's promises. */
const LOOK_MS = 10;

interface Entry {
  set: KeySet | null;
  text: string;
  readAtMs: number;
  /** When the last read began, well ended or not. */
  triedAtMs: number;
  reading: boolean;
  fault: string;
}

/**
 * Keys are kept in the isolate. A request never waits for another one's read, whose end it might not see: it looks
 * whether there is news, or reads by itself.
 */
export class JsonWebKeySets {
  readonly #parts: KeySetParts;
  readonly #entries = new Map<string, Entry>();
  #generations = 0;

  constructor(parts: KeySetParts) {
    this.#parts = parts;
  }

  /**
   * The keys of an issuer, at once where they are known.
   *
   * @param missing the set that did not have the key asked for: a newer one is got, if it may be asked for
   * @param background keeps the isolate alive for a read that the request need not wait for
   * @throws KeysUnavailable
   */
  get(source: KeySource, background: (work: Promise<unknown>) => void, missing?: KeySet): KeySet | Promise<KeySet> {
    const entry = this.#entryOf(source);
    const nowMs = this.#parts.clock.now();
    const { set } = entry;
    // Without an answer a read ends by its time-outs; one that is longer under way went down with its request.
    const reading = entry.reading && nowMs - entry.triedAtMs < 3 * LIMITS.keySetAnswerMs;
    const ageMs = nowMs - entry.readAtMs;
    if (set === null || ageMs >= LIMITS.keySetStaleMs) return this.#wait(source, entry, reading, null);
    if (missing !== undefined && set.generation === missing.generation) return this.#wait(source, entry, reading, set);
    if (ageMs >= LIMITS.keySetFreshMs && !reading && nowMs - entry.triedAtMs >= LIMITS.keySetPauseMs)
      background(this.#read(source, entry).catch(() => {}));
    return set;
  }

  async #wait(source: KeySource, entry: Entry, reading: boolean, otherwise: KeySet | null): Promise<KeySet> {
    const { clock, pause } = this.#parts;
    const sinceMs = clock.now();
    if (!reading && sinceMs - entry.triedAtMs >= LIMITS.keySetPauseMs) {
      await this.#read(source, entry).catch(() => {});
    } else {
      while (entry.reading && clock.now() - sinceMs < LIMITS.keySetAnswerMs) await pause(LOOK_MS);
    }
    if (entry.set !== null && clock.now() - entry.readAtMs < LIMITS.keySetStaleMs) return entry.set;
    if (otherwise !== null) return otherwise;
    throw new KeysUnavailable(entry.fault);
  }

  async #read(source: KeySource, entry: Entry): Promise<void> {
    const beganMs = this.#parts.clock.now();
    entry.triedAtMs = beganMs;
    entry.reading = true;
    try {
      const url = 'url' in source ? source.url : await this.#discover(source.issuer);
      const text = await this.#fetchText(url);
      if (text !== entry.text || entry.set === null) {
        this.#generations += 1;
        entry.set = { keys: keysIn(text), generation: this.#generations };
        entry.text = text;
      }
      entry.readAtMs = beganMs;
    } catch (error) {
      entry.fault = error instanceof Error ? error.message : String(error);
      throw error;
    } finally {
      entry.reading = false;
    }
  }

  /** OpenID Connect Discovery 1.0, section 4: the document must be its issuer's own. */
  async #discover(issuer: string): Promise<string> {
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = JSON.parse(await this.#fetchText(url)) as Readonly<Record<string, unknown>> | null;
    if (document?.issuer !== issuer) throw new KeysUnavailable(`${url} is about another issuer`);
    if (typeof document.jwks_uri !== 'string') throw new KeysUnavailable(`${url} names no jwks_uri`);
    if (url.startsWith('https:') && !document.jwks_uri.startsWith('https:'))
      throw new KeysUnavailable(`${url} names a jwks_uri that is not https`);
    return document.jwks_uri;
  }

  async #fetchText(url: string): Promise<string> {
    const fault = outboundFault(url, this.#parts.allowed);
    if (fault !== null) throw new KeysUnavailable(`${url}: ${fault}`);
    const response = await this.#parts.fetch(url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      // Where a redirect leads to has nobody looked at; and a cache might have the keys of before the rotation.
      redirect: 'manual',
      cache: 'no-store',
      signal: AbortSignal.timeout(LIMITS.keySetAnswerMs),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new KeysUnavailable(`${url} answered ${response.status}`);
    }
    return await textOf(response, url);
  }

  #entryOf(source: KeySource): Entry {
    const key = 'url' in source ? `url ${source.url}` : `issuer ${source.issuer}`;
    const present = this.#entries.get(key);
    if (present !== undefined) return present;
    const never = Number.NEGATIVE_INFINITY;
    const entry: Entry = { set: null, text: '', readAtMs: never, triedAtMs: never, reading: false, fault: '' };
    this.#entries.set(key, entry);
    if (this.#entries.size > LIMITS.keySets) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    return entry;
  }
}

/** The usable public keys of a set; others (of encryption, of kinds we do not know) are let be. */
function keysIn(text: string): readonly PublicKey[] {
  const set = JSON.parse(text) as { keys?: unknown } | null;
  if (!Array.isArray(set?.keys)) throw new KeysUnavailable('the answer is no JSON Web Key Set');
  return set.keys.filter((key) => publicKeyFault(key) === null && key.use !== 'enc').slice(0, LIMITS.keySetKeys);
}

async function textOf({ body }: Response, url: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.keySetBytes) throw new KeysUnavailable(`${url}: the answer is too long`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
