/** English words too common to find anything by: the 39 that Orasi's own full-text index has always left out. */
export const ENGLISH_STOP_WORDS: readonly string[] = [
  ...['the', 'a', 'an', 'and', 'or', 'but', 'in', 'on', 'at', 'to', 'for', 'of', 'with', 'by'],
  ...['is', 'are', 'was', 'were', 'be', 'been', 'being', 'have', 'has', 'had', 'do', 'does', 'did'],
  ...['will', 'would', 'could', 'should', 'may', 'might', 'must', 'can', 'this', 'that', 'these', 'those'],
];

/** No stop word is longer. */
export const STOP_WORD_CHARS = Math.max(...ENGLISH_STOP_WORDS.map((word) => word.length));
