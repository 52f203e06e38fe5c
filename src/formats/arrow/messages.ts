import type { RangeReader } from '../../core/bytes.ts';
import type { ByteWindow } from '../byte-window.ts';
import { MAX_BODY_BYTES } from './body.ts';
import { malformed } from './flatbuffer.ts';
import { type Block, type Footer, type Message, parseFooter, parseMessage } from './metadata.ts';

/** A message and its body. */
export interface Envelope {
  readonly message: Message;
  readonly body: Uint8Array;
}

/** Metadata of one message; a schema of the most columns with long names stays far below. */
const MAX_METADATA_BYTES = 16 * 1024 * 1024;
const MAGIC = 'ARROW1';

/** Whether the bytes end with or begin with a file's magic. */
export function isMagic(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MAGIC.length; i++) if (bytes[at + i] !== MAGIC.charCodeAt(i)) return false;
  return true;
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(at, true);
}

/**
 * Bytes of the prefix before the metadata, and of the metadata: since 0.15 a prefix is FF FF FF FF and a
 * length, before that the length alone.
 */
function prefixOf(bytes: Uint8Array, at: number): { prefixBytes: number; metadataBytes: number } {
  const first = lengthAt(bytes, at);
  const modern = first === -1;
  const metadataBytes = modern ? lengthAt(bytes, at + 4) : first;
  if (metadataBytes < 0 || metadataBytes > MAX_METADATA_BYTES) throw malformed('a message of impossible length');
  return { prefixBytes: modern ? 8 : 4, metadataBytes };
}

function checkBody(bytes: number): void {
  if (bytes > MAX_BODY_BYTES) {
    throw malformed(`a record batch of ${bytes} bytes; at most ${MAX_BODY_BYTES} are held, so write smaller ones`);
  }
}

/** The next message of a stream, which the window stands before; undefined at the stream's end. */
export async function readMessage(window: ByteWindow): Promise<Envelope | undefined> {
  await need(window, 8);
  if (window.size === 0) return undefined;
  if (window.size < 4) throw truncated(window);
  const ending =
    lengthAt(window.bytes, window.start) === 0 || (window.size < 8 && lengthAt(window.bytes, window.start) === -1);
  if (ending) return undefined;
  if (window.size < 8) throw truncated(window);
  const { prefixBytes, metadataBytes } = prefixOf(window.bytes, window.start);
  if (metadataBytes === 0) return undefined;
  await need(window, prefixBytes + metadataBytes);
  const metadataStart = window.start + prefixBytes;
  if (window.size < prefixBytes + metadataBytes) throw truncated(window);
  // Copied, since the window moves on while the message is in use.
  const message = parseMessage(window.bytes.slice(metadataStart, metadataStart + metadataBytes));
  checkBody(message.bodyBytes);
  const whole = prefixBytes + metadataBytes + message.bodyBytes;
  await need(window, whole);
  if (window.size < whole) throw truncated(window);
  const bodyStart = window.start + prefixBytes + metadataBytes;
  const body = window.bytes.slice(bodyStart, bodyStart + message.bodyBytes);
  window.advance(window.start + whole);
  return { message, body };
}

/** The one message that bytes are. */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length < 8) throw malformed('a message of impossible length');
  const { prefixBytes, metadataBytes } = prefixOf(bytes, 0);
  const message = parseMessage(bytes.slice(prefixBytes, prefixBytes + metadataBytes));
  return { message, body: bytes.slice(prefixBytes + metadataBytes) };
}

async function need(window: ByteWindow, bytes: number): Promise<void> {
  if (window.size < bytes) await window.fill(bytes - window.size);
}

function truncated(window: ByteWindow): Error {
  return malformed(`it ends at byte ${window.offset + window.size} within a message: it is truncated`);
}

/** The message of a block of a file, by one read. */
export async function readBlock(ranges: RangeReader, block: Block): Promise<Envelope> {
  const { offset, metadataBytes: blockMetadata, bodyBytes } = block;
  const inside = offset >= 8 && blockMetadata >= 8 && bodyBytes >= 0;
  if (!inside || blockMetadata > MAX_METADATA_BYTES || offset + blockMetadata + bodyBytes > ranges.sizeBytes) {
    throw malformed('a block lies outside the file');
  }
  checkBody(bodyBytes);
  const bytes = await ranges.read(offset, blockMetadata + bodyBytes);
  const { prefixBytes, metadataBytes } = prefixOf(bytes, 0);
  if (prefixBytes + metadataBytes > blockMetadata) throw malformed('a message longer than its block');
  const message = parseMessage(bytes.subarray(prefixBytes, prefixBytes + metadataBytes));
  if (message.bodyBytes > bodyBytes) throw malformed('a message longer than its block');
  return { message, body: bytes.slice(blockMetadata) };
}

/** Read with the end of the file, so that a small footer needs no second read. */
const TAIL_BYTES = 64 * 1024;

/** The footer of an Arrow file, from its end. Throws `malformed_input` where there is none. */
export async function readFooter(ranges: RangeReader): Promise<Footer> {
  const size = ranges.sizeBytes;
  const tailBytes = Math.min(size, TAIL_BYTES);
  const tail = await ranges.read(size - tailBytes, tailBytes);
  if (tail.length < 18 || !isMagic(tail, tail.length - 6))
    throw malformed('it does not end as a file does: it is truncated');
  const length = lengthAt(tail, tail.length - 10);
  if (length <= 0 || length > MAX_METADATA_BYTES || length + 18 > size)
    throw malformed('a footer of impossible length');
  const end = tail.length - 10;
  const bytes = length <= end ? tail.slice(end - length, end) : await ranges.read(size - 10 - length, length);
  return parseFooter(bytes);
}
