/**
 * Finds what rots in silence: links in the documentation that lead nowhere, and files named in documentation or in
 * comments that do not exist. `node scripts/tidy.ts` prints them, one a line, and exits 1 where there are any.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { PROJECT_ROOT } from './project-root.ts';

const ROOMS = 'src|test|scripts|docs|bench|durable-objects|queues|migrations';
const DOCUMENTS = ['*.md', 'docs/**/*.md'];
const SOURCES = [
  '{src,test,scripts,bench,durable-objects,queues}/**/*.{ts,mjs,sh}',
  'migrations/*.sql',
  '*.{ts,toml,mjs}',
];

/** What is wrong in a tree, as `file:line: complaint`. */
export function complaints(root: string): string[] {
  const documents = globSync(DOCUMENTS, { cwd: root }).sort();
  const sources = globSync(SOURCES, {
    cwd: root,
    exclude: ['test/**/fixtures/**', 'worker-configuration.d.ts'],
  }).sort();
  return [
    ...documents.flatMap((path) => [...deadLinks(root, path), ...missingFiles(root, path, proseOf(read(root, path)))]),
    ...sources.flatMap((path) => missingFiles(root, path, commentsOf(read(root, path)))),
    ...sharedNumbers(root),
  ];
}

interface Line {
  readonly number: number;
  readonly text: string;
}

function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function linesOf(text: string): Line[] {
  return text.split('\n').map((line, index) => ({ number: index + 1, text: line }));
}

/** A document's lines without its fenced blocks: what a reader types there need not exist. */
function proseOf(text: string): Line[] {
  let fenced = false;
  return linesOf(text).filter(({ text: line }) => {
    const fence = /^\s*(```|~~~)/.test(line);
    if (fence) fenced = !fenced;
    return !fence && !fenced;
  });
}

/** Lines that are comments, or end in one. */
function commentsOf(text: string): Line[] {
  return linesOf(text).flatMap(({ number, text: line }) => {
    const comment = /(?:^\s*(?:\*|#|\/\*\*?|--)|\s\/\/|^\/\/)\s?(.*)$/.exec(line)?.[1];
    return comment === undefined ? [] : [{ number, text: comment }];
  });
}

function deadLinks(root: string, path: string): string[] {
  const found: string[] = [];
  for (const { number, text } of proseOf(read(root, path))) {
    // Links inside code spans are examples.
    for (const [, target = ''] of text.replace(/`[^`]*`/g, '').matchAll(/\]\(([^()\s]+)\)/g)) {
      if (/^[a-z][a-z+.-]*:/i.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const to = file === '' ? path : normalize(join(dirname(path), decodeURIComponent(file)));
      if (to.startsWith('..') || !existsSync(join(root, to))) found.push(`${path}:${number}: dead link ${target}`);
      else if (anchor !== undefined && to.endsWith('.md') && !anchorsOf(read(root, to)).has(anchor)) {
        found.push(`${path}:${number}: ${to} has no heading #${anchor}`);
      }
    }
  }
  return found;
}

/** The anchors GitHub gives a document: its headings in lower case, without punctuation, and explicit ids. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const { text: line } of proseOf(text)) {
    const heading = /^#{1,6}\s+(.*?)\s*$/.exec(line)?.[1];
    if (heading !== undefined) {
      const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
      anchors.add(words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-'));
    }
    for (const [, id = ''] of line.matchAll(/<a id="([^"]+)">/g)) anchors.add(id);
  }
  return anchors;
}

const PATH = new RegExp(`(?<![\\w./@-])(?:${ROOMS})/[\\w./*<>{}-]*[\\w*>}]`, 'g');

function missingFiles(root: string, path: string, lines: readonly Line[]): string[] {
  const found: string[] = [];
  for (const { number, text } of lines) {
    // Where a link leads is checked as a link.
    for (const [named] of text.replace(/\]\([^()\s]+\)/g, ']').matchAll(PATH)) {
      // Patterns and placeholders name many files or none; a C header is somebody else's.
      if (/[*<>{}]|NNNN|\.\.|\.[ch]$/.test(named) || exists(root, named)) continue;
      found.push(`${path}:${number}: names ${named}, which does not exist`);
    }
  }
  return found;
}

/** A decision may be named by its number alone, a file of code without its ending. */
function exists(root: string, named: string): boolean {
  if (existsSync(join(root, named)) || existsSync(join(root, `${named}.ts`))) return true;
  return /^docs\/decisions\/\d{4}$/.test(named) && globSync(`${named}-*.md`, { cwd: root }).length > 0;
}

function sharedNumbers(root: string): string[] {
  const byNumber = Map.groupBy(globSync('docs/decisions/*.md', { cwd: root }).sort(), (path) => path.slice(15, 19));
  return [...byNumber]
    .filter(([number, paths]) => !/^\d{4}$/.test(number) || paths.length > 1)
    .map(([number, paths]) => `${paths.join(' and ')}: share the number ${number}, or have none`);
}

if (import.meta.main) {
  const found = complaints(PROJECT_ROOT);
  for (const complaint of found) process.stdout.write(`${complaint}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
