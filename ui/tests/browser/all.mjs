// Runs every browser test, the tutorial first: `npm run e2e`. A test is a script of this folder that calls `runScript`.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FIRST = 'tutorial.mjs';
const here = new URL('./', import.meta.url);
const isTest = (name) => name.endsWith('.mjs') && /^await runScript\(/m.test(readFileSync(new URL(name, here), 'utf8'));
const tests = readdirSync(here).filter(isTest).sort((a, b) => (a === FIRST ? -1 : b === FIRST ? 1 : a.localeCompare(b)));

const failed = tests.filter((name) => {
  console.log(`\n# ${name}`);
  return spawnSync(process.execPath, [fileURLToPath(new URL(name, here))], { stdio: 'inherit' }).status !== 0;
});
console.log(failed.length ? `\nnot ok: ${failed.join(', ')}` : `\nok: ${tests.length} browser tests`);
process.exit(failed.length ? 1 : 0);
