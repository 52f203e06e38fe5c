import { sizeText } from './size-text.ts';

const BAR = 24;

/** `log.csv  ████████░░░░  33 %  11.2 of 33.6 MB  8.4 MB/s`; without a bar where the whole is not known. */
export function progressText(name: string, doneBytes: number, allBytes: number | null, elapsedMs: number): string {
  const rate = elapsedMs < 250 ? '' : `  ${sizeText((doneBytes / elapsedMs) * 1000)}/s`;
  if (allBytes === null || allBytes === 0) return `${name}  ${sizeText(doneBytes)}${rate}`;
  const share = Math.min(1, doneBytes / allBytes);
  const full = Math.floor(share * BAR);
  const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `${name}  ${bar}  ${percent} %  ${sizeText(doneBytes)} of ${sizeText(allBytes)}${rate}`;
}
