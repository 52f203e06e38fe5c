/** Which registry a cluster's services are in. What belongs to another backend than the one named is not looked at. */
export interface DiscoverySettings {
  readonly backend: DiscoveryBackendName;
  /** The declared instances of `static`. */
  readonly instances: readonly DeclaredInstance[];
  readonly etcd?: EtcdSettings;
  readonly consul?: ConsulSettings;
}

export const DISCOVERY_BACKENDS = ['builtIn', 'static', 'etcd', 'consul'] as const;
export type DiscoveryBackendName = (typeof DISCOVERY_BACKENDS)[number];

/** As an instance that registers itself (src/discovery/instance.ts). */
export interface DeclaredInstance {
  readonly id: string;
  readonly service: string;
  readonly address: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface EtcdSettings {
  /** Addresses of the members, tried in turn. At least one. */
  readonly endpoints: readonly string[];
  /** Begins every key; ends in `/`. */
  readonly prefix?: string;
  readonly credentials?: { readonly name: string; readonly password: string };
}

export interface ConsulSettings {
  /** Of the one agent. */
  readonly address: string;
  readonly token?: string;
}

/** What a cluster has that declares nothing. */
export const DEFAULT_DISCOVERY_SETTINGS: DiscoverySettings = Object.freeze({ backend: 'builtIn', instances: [] });
