import { bundleWorker, removeBundle } from '../../scripts/launcher/bundle.ts';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';

/**
 * Bundles the Worker once for all end-to-end tests of a run: the launcher takes it from `ORASI_BUNDLE`. A Worker that
 * does not bundle fails each of them with bundling's own words; the unit tests run all the same.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  try {
    const bundle = await bundleWorker(PROJECT_ROOT);
    process.env['ORASI_BUNDLE'] = bundle.folder;
    return () => removeBundle(bundle);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return undefined;
  }
}
