// The real binary on a data folder of its own and a free port.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(fileURLToPath(new URL('../../..', import.meta.url)));

/** The binary that was built last, unless HOOKMILL_BINARY names one. */
function binary() {
  if (process.env.HOOKMILL_BINARY) return process.env.HOOKMILL_BINARY;
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const found = ['debug', 'release'].map((kind) => join(target, kind, 'hookmill')).find((path) => existsSync(path));
  if (!found) throw new Error('There is no binary. `cargo build -p hookmill` makes one; `cargo xtask test browser` does everything.');
  return found;
}

/** Starts the server and reads from its output where it listens and the token that makes the owner. */
export async function startServer(flags = []) {
  const folder = mkdtempSync(join(tmpdir(), 'hookmill-browser-'));
  const child = spawn(binary(), ['serve', '--listen', '127.0.0.1:0', '--data', join(folder, 'data'), '--allow-address', '127.0.0.0/8', '--log', 'info', ...flags], {
    env: { ...process.env, HOOKMILL_MASTER_KEY: undefined, HOOKMILL_SETUP_TOKEN: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let log = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  const ended = new Promise((done) => child.on('exit', done));
  const lines = await new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`The server did not say where it listens:\n${output}\n${log}`)), 30_000);
    const read = () => {
      const url = /listens on (http:\S+)/.exec(output)?.[1];
      const setup = /Open (http:\S+\/setup\?token=\S+)/.exec(output)?.[1];
      if (!url || !setup) return;
      clearTimeout(timer);
      done({ url, setup });
    };
    child.stdout.on('data', (chunk) => {
      output += chunk;
      read();
    });
    child.on('error', fail);
    child.on('exit', (code) => fail(new Error(`The server ended with ${code}:\n${output}\n${log}`)));
  });
  return {
    ...lines,
    /** Where its data is. */
    data: join(folder, 'data'),
    log: () => log,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
