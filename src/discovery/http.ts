import { type ErrorCode, OrasiError } from '../core/errors.ts';
import { type Timing, within } from './timing.ts';

/** The part of `fetch` that the backends use; passed in by tests. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * The platform's `fetch`; workerd refuses it as a method of another object, hence the function around it. Redirects are
 * not followed: where a registry may be was looked at before, and no registry redirects.
 */
export const systemFetch: Fetch = (url, init) => fetch(url, { ...init, redirect: 'manual' });

/** An answer beyond this would endanger the isolate, and is given up. */
const ANSWER_CHARS = 16 * 1024 * 1024;

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface Http {
  readonly fetch: Fetch;
  readonly timing: Timing;
}

/**
 * One request, its answer's body included, within a time.
 *
 * @throws OrasiError `unavailable` where there is no answer; what the signal aborts with, where it does.
 */
export function exchange(
  http: Http,
  url: string,
  init: RequestInit,
  timeoutMs: number,
  parent: AbortSignal,
): Promise<Answer> {
  return within(http.timing, timeoutMs, url, parent, async (signal) => {
    try {
      const response = await http.fetch(url, { ...init, signal });
      return { status: response.status, headers: response.headers, text: await readText(response) };
    } catch (error) {
      throw unreachable(url, error, signal);
    }
  });
}

/**
 * The text of an answer.
 *
 * @throws OrasiError `unavailable` beyond 16 Mi characters.
 */
export async function readText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > ANSWER_CHARS) throw new OrasiError('unavailable', 'the answer is too long');
  }
  return text + decoder.decode();
}

/** What a failure of `fetch`, or of reading what it fetched, is to the caller. */
export function unreachable(url: string, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof OrasiError) return error;
  // Node says "fetch failed" and what failed only in the cause.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return new OrasiError('unavailable', `${url}: ${cause || message}`, { cause: error });
}

/** The code for an answer that is no success: what the backend's contract promises its callers. */
export function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not_found';
  return status === 429 || status >= 500 ? 'unavailable' : 'bad_request';
}

/** A JSON object, or what an answer has instead of one. */
export type Json = Readonly<Record<string, unknown>>;

export function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** @throws OrasiError `unavailable`: whoever answers is not the registry, or was cut off. */
export function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new OrasiError('unavailable', `${url}: the answer is not JSON`, { cause: error });
  }
}
