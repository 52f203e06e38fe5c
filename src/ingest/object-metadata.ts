import type { DecodeInfo } from '../storage/catalog-records.ts';
import type { ObjectInfo, PutOptions } from '../storage/object-store.ts';

/** What an upload's object carries with it, so that a sweep can do what the request that wrote it did not live to do. */
export interface UploadMetadata {
  readonly uploadId: string;
  readonly namespace: string;
  readonly dataset: string;
  readonly name: string;
  readonly decode: DecodeInfo;
}

const FORMAT = 'orasi-format';
const OPTIONS = 'orasi-options';

/** Metadata as an object store keeps it: texts of ASCII, 8 KB in all, which the limit of an object name leaves room in. */
export function metadataOf({ namespace, dataset, name, decode }: UploadMetadata): PutOptions {
  return {
    metadata: {
      'orasi-namespace': namespace,
      'orasi-dataset': dataset,
      'orasi-name': encodeURIComponent(name),
      ...(decode.format === undefined ? {} : { [FORMAT]: decode.format }),
      ...(decode.options === undefined ? {} : { [OPTIONS]: encodeURIComponent(JSON.stringify(decode.options)) }),
    },
    ...(decode.contentType === undefined ? {} : { contentType: decode.contentType }),
    ...(decode.contentEncoding === undefined ? {} : { contentEncoding: decode.contentEncoding }),
  };
}

/** How a stored object is to be decoded, as far as it says so itself: in the inbox anyone may set the same metadata. */
export function decodeOf({ metadata, contentType, contentEncoding }: ObjectInfo): DecodeInfo {
  const options = readOptions(metadata[OPTIONS]);
  return {
    ...(metadata[FORMAT] === undefined ? {} : { format: metadata[FORMAT] }),
    ...(options === undefined ? {} : { options }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
  };
}

/** The names of an upload, or null where the object does not carry them. */
export function uploadNames({ metadata }: ObjectInfo): { namespace: string; dataset: string; name: string } | null {
  const { 'orasi-namespace': namespace, 'orasi-dataset': dataset, 'orasi-name': name } = metadata;
  if (namespace === undefined || dataset === undefined || name === undefined) return null;
  return { namespace, dataset, name: decodeURIComponent(name) };
}

function readOptions(text: string | undefined): DecodeInfo['options'] {
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(decodeURIComponent(text));
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    const options: Record<string, string | number | boolean> = {};
    for (const [name, value] of Object.entries(parsed)) {
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') options[name] = value;
    }
    return options;
  } catch {
    // Whoever wrote it into the inbox wrote no options; the format's defaults apply.
    return undefined;
  }
}
