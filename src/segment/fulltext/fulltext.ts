import { analyzerOf, checkAnalyzer, sameAnalyzer } from '../../columns/text/analyzer.ts';
import { parseTextQuery } from '../../columns/text/parse-query.ts';
import { corruptFile } from '../byte-codec.ts';
import type { IndexKind } from '../index-file.ts';
import { directoryOf, openPagedFile } from '../paged-file.ts';
import { buildFulltext } from './build.ts';
import { readDirectory } from './directory.ts';
import { decodeLengths } from './document-lengths.ts';
import { IndexSearch } from './index-search.ts';

/**
 * Words of one text column: MATCH by terms, phrases, prefixes and spellings, ranked by BM25. Options are the
 * analyzer's. A fulltext reader's directory includes the dictionary, so an estimate may read from it.
 */
export const fulltext: IndexKind = {
  name: 'fulltext',
  check(definition, schema) {
    const errors = checkAnalyzer(definition.options);
    if (definition.fields.length !== 1) {
      errors.push({ path: 'fields', message: 'a fulltext index is over exactly one column' });
    }
    const field = schema.find(({ name }) => name === definition.fields[0]);
    if (field !== undefined && field.type.kind !== 'string' && field.type.kind !== 'null') {
      errors.push({ path: 'fields[0]', message: `a fulltext index is over text, not ${field.type.kind}` });
    }
    return errors;
  },
  columns: (definition) => definition.fields.slice(0, 1),
  build: (batches, definition, sink) => buildFulltext(batches, definition, sink),
  async open(reader, definition, summary) {
    const file = await openPagedFile(reader, 'fulltext', directoryOf(summary));
    const directory = readDirectory(file.directory);
    const { analyzer } = directory;
    if (!sameAnalyzer(analyzer, analyzerOf(definition.options))) {
      throw corruptFile('a fulltext index was built by another analyzer than its definition names');
    }
    let lengths: Promise<ArrayLike<number>> | undefined;
    const loadLengths = (): Promise<ArrayLike<number>> => {
      lengths ??= file.read(directory.lengths.offset, directory.lengths.length).then(
        (bytes) => decodeLengths(bytes, directory.rows, directory.lengthWidth),
        (error: unknown) => {
          // The next search may have more luck.
          lengths = undefined;
          throw error;
        },
      );
      return lengths;
    };
    const search = (text: string): IndexSearch =>
      new IndexSearch(file, directory, parseTextQuery(text, analyzer), [], loadLengths);
    return {
      async estimate(predicate) {
        return predicate.op === 'match' ? await search(predicate.query).estimate() : undefined;
      },
      async lookup(predicate) {
        if (predicate.op !== 'match') throw new Error('assertion failed: a fulltext index answers MATCH alone');
        return { rows: await search(predicate.query).rows() };
      },
      text: {
        search(query, masked = []) {
          if (!sameAnalyzer(query.analyzer, analyzer)) {
            throw corruptFile('a fulltext index was asked by another analyzer than it was built by');
          }
          return new IndexSearch(file, directory, query, masked, loadLengths);
        },
      },
    };
  },
};
