import type { ServedResource } from '../core/protocol/control-plane.ts';

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** Kubernetes' JSONPath without braces: `.spec.dataset`. */
  readonly jsonPath: string;
  readonly description?: string;
  /** 0 is always shown, 1 only by `-o wide`. */
  readonly priority?: number;
}

/** What a kind is called and where it lives: all that the door and discovery need. Plain data. */
export interface KindInfo extends ServedResource {
  readonly printerColumns: readonly PrinterColumn[];
  /** Versions under which the same objects are served too, with the same schema; the newest first. */
  readonly olderVersions?: readonly string[];
}

/** What `apiVersion` says of a kind: `group/version`, and of the core group the version alone. */
export function apiVersionOf(kind: KindInfo): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}
