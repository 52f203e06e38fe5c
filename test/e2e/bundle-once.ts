import { bundleWorker, removeBundle } from '../../scripts/launcher/bundle.ts';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';

/** Bundles the Worker once for all end-to-end tests of a run: the launcher takes it from `ORASI_BUNDLE`. */
export async function setup(): Promise<() => Promise<void>> {
  const bundle = await bundleWorker(PROJECT_ROOT);
  process.env['ORASI_BUNDLE'] = bundle.folder;
  return () => removeBundle(bundle);
}
