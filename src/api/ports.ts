import type { Subject } from '../access/authorize.ts';
import type { Config } from '../config.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { ErrorReporter } from '../observe/error-reporter.ts';
import type { Log } from '../observe/log.ts';
import type { Gatekeeper } from './route.ts';

/** A component's answer to "are you well?". */
export interface ComponentHealth {
  readonly name: string;
  readonly healthy: boolean;
  /** Why not, or a fact worth knowing. */
  readonly reason: string;
}

/** What the whole management surface needs; each area adds its own beside it. */
export interface ApiBase extends Gatekeeper {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly logs: (component: string) => Log;
  readonly reporter: (waitUntil: (work: Promise<unknown>) => void) => ErrorReporter;
  /** The subject of a bearer token, or null where the token is not valid: as it was read seconds ago, or as it is `now`. */
  authenticate(token: string, now?: 'now'): Promise<Subject | null>;
  /** The immutable uid of a namespace; throws `not_found` where there is none. */
  namespaceUid(name: string): Promise<string>;
  /** Asks every component; never throws. */
  health(): Promise<readonly ComponentHealth[]>;
}
