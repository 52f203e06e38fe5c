import { authorize } from '../../src/access/authorize.ts';
import type { ApiBase } from '../../src/api/ports.ts';
import { readConfig } from '../../src/config.ts';
import { manualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createLogs } from '../../src/observe/log.ts';

/** What every door is given, with what a test lets in: a clock that stands still unless it has its own, no logs. */
export function apiBase({
  clock = manualClock(0),
  ...given
}: Pick<ApiBase, 'authenticate' | 'namespaceUid'> & Partial<Pick<ApiBase, 'clock'>>): ApiBase {
  return {
    authorize,
    config: readConfig({}),
    clock,
    random: seededRandom(1),
    logs: createLogs({ '*': 'off' }, () => {}, clock),
    reporter: () => ({ report: () => {} }),
    health: async () => [],
    ...given,
  };
}
