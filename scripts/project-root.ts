import { dirname } from 'node:path';

/** The project's root folder, where wrangler.toml is. */
export const PROJECT_ROOT = dirname(import.meta.dirname);
