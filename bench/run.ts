/**
 * Every benchmark, each against a named peer in the same minute, written to docs/benchmarks.md.
 * `npm run bench -- ingest query` runs only the sections named, and renews these alone; SIZE=0.02 runs a small part of
 * each, and writes nothing. A whole run takes some twenty minutes on two idle cores, `coordination` six of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchSection, environment } from './harness.ts';

/** Each section is a module that exports `run`. */
const SECTIONS: Readonly<Record<string, () => Promise<{ run(): Promise<BenchSection[]> }>>> = {
  parquet: () => import('./parquet.ts'),
  ingest: () => import('./ingest.ts'),
  query: () => import('./query.ts'),
  fulltext: () => import('./fulltext.ts'),
  counts: () => import('./counts.ts'),
  coordination: () => import('./coordination.ts'),
  gateway: () => import('./gateway.ts'),
};

const ROOT = join(import.meta.dirname, '..');
const VERSIONS = [
  'workerd',
  'hyparquet',
  'hyparquet-writer',
  '@duckdb/node-api',
  'apache-arrow',
  'bullmq',
  'graphile-worker',
];

function versionOf(name: string): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'),
  );
  return manifest.version;
}

function tableOf(section: BenchSection): string {
  const rows = section.rows.map(
    ({ what, ours, peer, ratio, note }) =>
      `| ${what} | ${ours} | ${peer} | ${ratio === null ? '' : `${ratio.toFixed(2)} ×`} | ${note} |`,
  );
  return [
    `## ${section.title}`,
    '',
    section.setting,
    '',
    '| what | ours | peer | ours / peer | note |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const chosen = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const unknown = chosen.filter((name) => !Object.hasOwn(SECTIONS, name));
if (unknown.length > 0) {
  process.stderr.write(`no section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}\n`);
  process.exit(2);
}
const sections: BenchSection[] = [];
for (const [name, load] of Object.entries(SECTIONS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const started = performance.now();
  const { run } = await load();
  for (const section of await run()) {
    process.stdout.write(`${tableOf(section)}\n`);
    sections.push(section);
  }
  process.stderr.write(`${name}: ${Math.round((performance.now() - started) / 1000)} s\n`);
}
const PAGE = join(ROOT, 'docs', 'benchmarks.md');
if (process.env['SIZE'] === undefined) {
  const versions = Object.fromEntries(VERSIONS.map((name) => [name, versionOf(name)]));
  if (chosen.length === 0) writeFileSync(PAGE, `${head(environment(versions))}\n${sections.map(tableOf).join('\n')}`);
  else writeFileSync(PAGE, withSections(readFileSync(PAGE, 'utf8'), sections, environment(versions)));
}

function head(where: string): string {
  return [
    '# Benchmarks',
    '',
    'Written by `npm run bench`. Each ratio is of medians of interleaved rounds in one run; trust ratios, not absolutes.',
    '',
    where,
    '',
  ].join('\n');
}

/** The page with these sections in place of what it has under their titles; new ones come last. */
function withSections(page: string, renewed: readonly BenchSection[], where: string): string {
  const [top, ...present] = `${page.trimEnd()}\n\n`.split(/^(?=## )/m);
  const titled = new Map(present.map((text) => [text.slice(3, text.indexOf('\n')), text]));
  for (const section of renewed) {
    const setting = `${section.setting} Run by itself: ${where}.`;
    titled.set(section.title, `${tableOf({ ...section, setting })}\n`);
  }
  return `${[top, ...titled.values()].join('').trimEnd()}\n`;
}
