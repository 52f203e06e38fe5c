import { catalogSuite } from './catalog-suite.ts';
import { sqliteBinding } from './sqlite-binding.ts';

const binding = sqliteBinding();
catalogSuite('SQLite', async () => binding);
