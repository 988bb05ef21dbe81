// Size budgets: JavaScript before the designer is opened, and the designer's own chunk, both compressed.
import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url);
const assets = new URL('assets/', dist);
const sizeOf = (name) => gzipSync(readFileSync(new URL(name, assets)), { level: 9 }).length / 1024;
const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'));

// Static imports are loaded with a chunk; dynamic ones only when asked for.
function closure(entry, seen = new Set()) {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(new URL(entry, assets), 'utf8');
  for (const match of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) closure(match[1], seen);
  return seen;
}

const index = readFileSync(new URL('index.html', dist), 'utf8');
if (/<script(?![^>]*\bsrc=)[^>]*>/.test(index) || /<style/.test(index)) throw new Error('index.html has an inline script or style');
const entry = /src="\/assets\/([^"]+\.js)"/.exec(index)[1];
const first = closure(entry);
const total = (names) => [...names].reduce((sum, name) => sum + sizeOf(name), 0);
const designer = scripts.find((name) => name.startsWith('DesignerPage'));
const extra = designer ? [...closure(designer)].filter((name) => !first.has(name)) : [];
const budgets = [
  ['first load', total(first), 350],
  ['designer', total(extra), 500],
];
let failed = false;
for (const [what, size, limit] of budgets) {
  console.log(`${what}: ${size.toFixed(1)} KB of ${limit} KB compressed`);
  failed ||= size > limit;
}
process.exit(failed ? 1 : 0);
