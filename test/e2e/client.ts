import type { Instance } from '../../scripts/launcher.ts';

/** What an object looks like to a client. */
export interface TakenObject {
  readonly objectId: string;
  readonly state: string;
  readonly format: string | null;
  readonly sizeBytes: number;
  readonly rowsCommitted: number;
  readonly rowsQuarantined: number;
  readonly segments: number;
  readonly attempts: number;
  readonly error?: { code: string; message: string };
}

export interface Answer {
  readonly columns: readonly { name: string; type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly stats: {
    readonly elapsedMs: number;
    readonly rowsScanned: number;
    readonly segmentsTotal: number;
    readonly segmentsPruned: number;
    readonly segmentsScanned: number;
    readonly indexesUsed: readonly { name: string; kind: string }[];
    readonly reads: number;
    readonly bytesRead: number;
  };
}

const NAMESPACE = '/v1/namespaces/default';

/** Puts an object and waits until it is committed or failed. */
export async function putObject(
  instance: Instance,
  dataset: string,
  name: string,
  body: string | Uint8Array | ReadableStream,
  headers: Readonly<Record<string, string>> = {},
): Promise<TakenObject> {
  const path = `${NAMESPACE}/datasets/${dataset}/objects/${encodeURIComponent(name)}?wait=60`;
  const response = await instance.fetch(path, { method: 'PUT', body, headers });
  if (response.status !== 202) throw new Error(`PUT ${name}: ${response.status} ${await response.text()}`);
  return (await response.json()) as TakenObject;
}

/** Uploads an object of any length in parts and waits until it is committed or failed. */
export async function uploadObject(
  instance: Instance,
  dataset: string,
  name: string,
  contentType: string,
  pieces: AsyncIterable<Buffer>,
): Promise<TakenObject> {
  const partBytes = 16 * 1024 * 1024;
  const uploads = `${NAMESPACE}/datasets/${dataset}/uploads`;
  const call = async <T>(path: string, init: { method: string; body?: unknown }): Promise<T> => {
    const response = await instance.fetch(path, init);
    if (!response.ok) throw new Error(`${init.method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  const { uploadId } = await call<{ uploadId: string }>(uploads, {
    method: 'POST',
    body: JSON.stringify({ name, partBytes, contentType }),
  });
  let part = 0;
  const send = (bytes: Buffer) => call(`${uploads}/${uploadId}/parts/${++part}`, { method: 'PUT', body: bytes });
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const piece of pieces) {
    held.push(piece);
    heldBytes += piece.length;
    while (heldBytes >= partBytes) {
      const bytes = Buffer.concat(held);
      await send(bytes.subarray(0, partBytes));
      held = [bytes.subarray(partBytes)];
      heldBytes -= partBytes;
    }
  }
  if (heldBytes > 0 || part === 0) await send(Buffer.concat(held));
  let object = await call<TakenObject>(`${uploads}/${uploadId}/complete?wait=300`, { method: 'POST' });
  for (let turn = 0; turn < 5 && (object.state === 'received' || object.state === 'processing'); turn++) {
    object = await call<TakenObject>(`${NAMESPACE}/objects/${object.objectId}?wait=300`, { method: 'GET' });
  }
  return object;
}

/** Runs a query; throws with the whole answer where it is not a 200. */
export async function query(
  instance: Instance,
  sql: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Answer> {
  const response = await queryResponse(instance, sql, more);
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

export async function queryResponse(
  instance: Instance,
  sql: string,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return await instance.fetch(`${NAMESPACE}/query`, {
    method: 'POST',
    body: JSON.stringify({ sql, ...more }),
    headers: { 'content-type': 'application/json', ...headers },
  });
}
