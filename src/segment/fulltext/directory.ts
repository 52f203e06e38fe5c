import type { AnalyzerOptions } from '../../columns/text/analyzer.ts';
import { ByteWriter } from '../../core/byte-writer.ts';
import { ByteCursor, corruptFile } from '../byte-codec.ts';
import { type DictionaryBlock, readDictionaryBlocks } from './dictionary.ts';

/** A region of the file's body. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

interface Facts {
  readonly analyzer: AnalyzerOptions;
  /** Rows of the segment. */
  readonly rows: number;
  /** Rows with at least one term. */
  readonly documents: number;
  readonly tokens: number;
  readonly terms: number;
  readonly lengths: Region;
  readonly lengthWidth: number;
  readonly postings: Region;
  readonly positions: Region;
}

/** The upper level of a fulltext file in memory. */
export interface FulltextDirectory extends Facts {
  readonly blocks: readonly DictionaryBlock[];
}

/**
 * ```
 * analyzer u8 (1: case kept · 2: diacritics kept · 4: english stop words · 8: english stems)
 * rows · documents · tokens · terms (varints)
 * lengths: offset · bytes · bytes a row; postings: offset · bytes; positions: offset · bytes (varints)
 * dictionary: offset · blocks (varints), each: first term (front-coded) · bytes · terms · bytes of postings · of positions
 * ```
 */
export function writeDirectory(
  facts: Facts & { readonly dictionaryAt: number; readonly blocks: Uint8Array },
): Uint8Array {
  const out = new ByteWriter(facts.blocks.length + 128);
  const { analyzer } = facts;
  out.u8(
    (analyzer.case === 'keep' ? 1 : 0) |
      (analyzer.diacritics === 'keep' ? 2 : 0) |
      (analyzer.stopWords === 'english' ? 4 : 0) |
      (analyzer.stemming === 'english' ? 8 : 0),
  );
  for (const number of [
    ...[facts.rows, facts.documents, facts.tokens, facts.terms],
    ...[facts.lengths.offset, facts.lengths.length, facts.lengthWidth],
    ...[facts.postings.offset, facts.postings.length, facts.positions.offset, facts.positions.length],
    facts.dictionaryAt,
  ]) {
    out.varint(number);
  }
  out.append(facts.blocks);
  return out.view();
}

/** Throws `corrupt_file` where the bytes contradict themselves. */
export function readDirectory(bytes: Uint8Array): FulltextDirectory {
  const cursor = new ByteCursor(bytes);
  const flags = cursor.u8();
  if (flags > 15) throw corruptFile('a fulltext index by an analyzer this build does not know');
  const analyzer: AnalyzerOptions = {
    case: flags & 1 ? 'keep' : 'fold',
    diacritics: flags & 2 ? 'keep' : 'fold',
    stopWords: flags & 4 ? 'english' : 'none',
    stemming: flags & 8 ? 'english' : 'none',
  };
  const rows = cursor.varint();
  const documents = cursor.varint();
  const tokens = cursor.varint();
  const terms = cursor.varint();
  const region = (): Region => ({ offset: cursor.varint(), length: cursor.varint() });
  const lengths = region();
  const lengthWidth = cursor.varint();
  const postings = region();
  const positions = region();
  const dictionary = cursor.varint();
  const blocks = readDictionaryBlocks(cursor, { dictionary, postings: postings.offset, positions: positions.offset });
  const counted = blocks.reduce((sum, block) => sum + block.terms, 0);
  const plausible = rows < 2 ** 31 && rows * lengthWidth <= lengths.length && documents <= rows && tokens >= documents;
  if (!plausible || counted !== terms) {
    throw corruptFile('a fulltext directory whose counts do not add up');
  }
  return { analyzer, rows, documents, tokens, terms, lengths, lengthWidth, postings, positions, blocks };
}
