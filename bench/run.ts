/**
 * Every benchmark, each against a named peer in the same minute, written to docs/benchmarks.md.
 * `npm run bench -- ingest query` runs only the sections named, and SIZE=0.02 a small part of each; only a whole run at
 * full size writes the page. That takes some twenty minutes on two idle cores.
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
};

const ROOT = join(import.meta.dirname, '..');

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
if (chosen.length === 0 && process.env['SIZE'] === undefined) {
  const versions = Object.fromEntries(
    ['workerd', 'hyparquet', 'hyparquet-writer', '@duckdb/node-api', 'apache-arrow'].map((name) => [
      name,
      versionOf(name),
    ]),
  );
  const head = [
    '# Benchmarks',
    '',
    'Written by `npm run bench`. Each ratio is of medians of interleaved rounds in one run; trust ratios, not absolutes.',
    '',
    environment(versions),
    '',
  ].join('\n');
  writeFileSync(join(ROOT, 'docs', 'benchmarks.md'), `${head}\n${sections.map(tableOf).join('\n')}`);
}
