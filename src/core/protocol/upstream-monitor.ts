import type { GatewayManifest } from './gateway.ts';

/** What the control plane tells the UpstreamMonitor object named `gateway`, by RPC. */
export interface GatewayAnnouncements {
  /**
   * The configuration in force from now on. Resolves once it is kept; a manifest whose version is not above the one
   * that is kept changes nothing, so that announcements may be repeated and overtake each other.
   */
  announce(manifest: GatewayManifest): Promise<void>;
}
