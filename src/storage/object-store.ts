/** What is known of a stored object without reading it. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Changes with every write of the key; without quotes. */
  readonly etag: string;
  readonly uploadedAtMs: number;
  /** Our own metadata: strings, at most 8 KB in all. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
}

export interface PutOptions {
  /** Write only where the key holds nothing yet. */
  readonly ifAbsent?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** The length of a stream, where it is known: it is then written in one piece, and its etag is that of its bytes. */
  readonly sizeBytes?: number;
}

/** An upload in parts of one size (the last may be shorter), numbered from 1. It survives the process by its id. */
export interface MultipartUpload {
  readonly key: string;
  readonly uploadId: string;
  /**
   * A part that is sent again takes the place of the first. A stream has `sizeBytes` bytes. As `complete`, throws `gone`
   * where the upload was completed or aborted before.
   */
  uploadPart(
    part: number,
    bytes: Uint8Array | ReadableStream<Uint8Array>,
    sizeBytes?: number,
  ): Promise<{ part: number; etag: string }>;
  complete(parts: readonly { part: number; etag: string }[]): Promise<ObjectInfo>;
  abort(): Promise<void>;
}

/**
 * Immutable bytes under keys: R2 in production, memory in tests. One contract suite runs over both.
 * Reads of one key after a completed write see that write.
 */
export interface ObjectStore {
  head(key: string): Promise<ObjectInfo | null>;
  /** Bytes `offset` to `offset + length`, fewer at the end, none beyond it. Throws `source_changed` where the etag is another, `source_missing` where the key is gone. */
  read(key: string, offset: number, length: number, etag?: string): Promise<Uint8Array>;
  /** The bytes from `offset` on as a stream; throws as `read` does. */
  stream(key: string, offset?: number, etag?: string): Promise<ReadableStream<Uint8Array>>;
  /**
   * Null where `ifAbsent` was asked and the key exists. A stream is written in constant memory, whatever its length.
   * Throws `bad_request` where a stream is not as long as it was said to be.
   */
  put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: PutOptions): Promise<ObjectInfo | null>;
  createUpload(key: string, options?: Omit<PutOptions, 'ifAbsent'>): Promise<MultipartUpload>;
  resumeUpload(key: string, uploadId: string): MultipartUpload;
  delete(keys: readonly string[]): Promise<void>;
  /** Keys under a prefix in order, at most 1000 a page. The cursor is a key: the page begins behind it, at any later time. */
  list(prefix: string, cursor?: string, limit?: number): Promise<{ objects: ObjectInfo[]; cursor: string | undefined }>;
}
