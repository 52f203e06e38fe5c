import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly security?: readonly unknown[];
}

/** What the page needs of an OpenAPI document. */
interface Described {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** `/docs`: every operation on one page without scripts; the full truth is the document it links to. */
export function mountReference(app: ApiApp, base: ApiBase, describe: () => object): void {
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/docs',
      access: 'open',
      tag: 'operations',
      summary: 'This surface on one page.',
      responses: { 200: { description: 'HTML.', mediaTypes: ['text/html'] } },
    },
    async () =>
      new Response(referencePage(describe() as Described), {
        headers: {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        },
      }),
  );
}

function referencePage({ info, paths = {} }: Described): string {
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'other';
      const rows = byTag.get(tag) ?? [];
      rows.push(
        `<li><b class="${method}">${method.toUpperCase()}</b> <code>${escaped(path)}</code>` +
          `${operation.security?.length === 0 ? ' <i>open</i>' : ''}<p>${escaped(operation.summary ?? '')}</p></li>`,
      );
      byTag.set(tag, rows);
    }
  }
  const sections = [...byTag].map(([tag, rows]) => `<h2>${escaped(tag)}</h2><ul>${rows.join('')}</ul>`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(info.title)}</title>
<style>${STYLE}</style></head><body><main><h1>${escaped(info.title)} <small>${escaped(info.version)}</small></h1>
<p>Every call but the open ones carries <code>Authorization: Bearer &lt;token&gt;</code>.
Schemas and answers are in <a href="/openapi.json">openapi.json</a>.</p>${sections.join('')}</main></body></html>`;
}

const STYLE = `:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:1.5rem}main{max-width:52rem;margin:auto}
h1 small{font-weight:400;opacity:.6;font-size:1rem}h2{margin:2rem 0 .5rem;text-transform:capitalize}
ul{list-style:none;padding:0;margin:0;border-top:1px solid var(--line)}
li{padding:.6rem 0;border-bottom:1px solid var(--line)}li p{margin:.2rem 0 0;opacity:.8}
b{display:inline-block;min-width:4.2rem;font:600 .8rem ui-monospace,monospace}
code{overflow-wrap:anywhere;font:.9rem ui-monospace,monospace}i{opacity:.6;font-size:.85rem}`;

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
