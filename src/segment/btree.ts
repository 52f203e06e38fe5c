import { buildBtree } from './btree-build.ts';
import { readBtreeDirectory } from './btree-directory.ts';
import { keyWords } from './btree-keys.ts';
import { btreeReader } from './btree-read.ts';
import type { IndexKind } from './index-file.ts';
import { directoryOf, openPagedFile } from './paged-file.ts';

/** Sorted values of one column: equality, lists of values, ranges. Nulls are not in it. No options. */
export const btree: IndexKind = {
  name: 'btree',
  check(definition, schema) {
    const errors = Object.keys(definition.options).map((option) => ({
      path: `options.${option}`,
      message: 'a btree index has no options',
    }));
    if (definition.fields.length !== 1) {
      errors.push({ path: 'fields', message: 'a btree index is over exactly one column' });
    }
    const field = schema.find(({ name }) => name === definition.fields[0]);
    if (field !== undefined && keyWords(field.type) === undefined) {
      errors.push({ path: 'fields[0]', message: `${field.type.kind} values have no order to index` });
    }
    return errors;
  },
  columns: (definition) => definition.fields.slice(0, 1),
  build: buildBtree,
  async open(reader, _definition, summary) {
    const file = await openPagedFile(reader, 'btree', directoryOf(summary));
    return btreeReader(file, readBtreeDirectory(file.directory));
  },
};
