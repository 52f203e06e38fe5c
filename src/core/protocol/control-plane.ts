import type { PipelineSnapshot } from './pipeline.ts';

/** What the data path asks of the ControlPlane object, by RPC; cached by its callers, never on a hot path. */
export interface ControlPlaneReader {
  /** The immutable uid of a namespace, or null where it does not exist (or is being deleted). */
  namespaceUid(name: string): Promise<string | null>;
  namespaces(): Promise<readonly { name: string; uid: string }[]>;
  pipelines(namespace: string): Promise<PipelineSnapshot>;
}
