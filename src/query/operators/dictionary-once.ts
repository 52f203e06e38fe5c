import { getBit } from '../../columns/bitmap.ts';
import { type Codes, type Column, gatherColumn, isNull } from '../../columns/column.ts';
import { concatColumns } from '../../columns/concat.ts';
import { expandBits } from './compare-text.ts';
import { bothValid } from './selection.ts';

type DictionaryColumn = Column & { readonly data: { readonly layout: 'dictionary' } };

/** Whether a column's values are codes. */
export function isDictionary(column: Column): column is DictionaryColumn {
  return column.data.layout === 'dictionary';
}

/**
 * A column in which every row has the answer of its dictionary entry, and a null row that of `ofNull`
 * (one row; needed only where the column has nulls).
 */
export function expandByCodes(entries: Column, ofNull: Column | undefined, column: DictionaryColumn): Column {
  const { length, validity } = column;
  const { codes } = column.data;
  const nullAnswers = validity !== null && ofNull !== undefined && !isNull(ofNull, 0);
  if (nullAnswers) {
    const rows = new Int32Array(codes);
    for (let i = 0; i < length; i++) if (!getBit(validity, i)) rows[i] = entries.length;
    return gatherColumn(concatColumns(entries.type, [entries, ofNull]), rows);
  }
  if (entries.data.layout === 'bits') {
    const values = expandBits(entries.data.values, codes, length);
    const known = entries.validity === null ? null : expandBits(entries.validity, codes, length);
    const present = bothValid(validity, known, length);
    return { type: entries.type, length, validity: present, data: { layout: 'bits', values } };
  }
  if (entries.data.layout === 'varlen' && entries.type.kind === 'string' && entries.validity === null) {
    return { type: entries.type, length, validity, data: { layout: 'dictionary', codes, dictionary: entries } };
  }
  return gatherColumn(entries, rowsOfCodes(codes, validity, length));
}

/** The codes as rows of the dictionary; -1 where the row is null. */
function rowsOfCodes(codes: Codes, validity: Uint8Array | null, length: number): Int32Array {
  const rows = new Int32Array(codes);
  if (validity !== null) for (let i = 0; i < length; i++) if (!getBit(validity, i)) rows[i] = -1;
  return rows;
}
