/** How the interface is built: hashed assets into `dist`, the designer and the editors as chunks of their own. */
import react from '@vitejs/plugin-react';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { defineConfig } from 'vitest/config';

const server = process.env.HOOKMILL_URL ?? 'http://127.0.0.1:7780';

/** Smaller files gain nothing. */
const PACKED_BYTES_MIN = 1024;

/** Writes a Brotli copy beside every file that gains by it; the server sends that one to browsers that take it. */
function packed(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) packed(path);
    else if (/\.(js|css|html|svg|json|webmanifest)$/.test(name) && statSync(path).size >= PACKED_BYTES_MIN) {
      writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
    }
  }
}

export default defineConfig({
  plugins: [react(), { name: 'packed', apply: 'build', closeBundle: () => packed('dist') }],
  server: { port: 5173, proxy: { '/api': server, '/health': server } },
  build: {
    outDir: 'dist',
    target: 'es2022',
    // The content security policy allows no data: scripts; small images may stay inline.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1600,
  },
  test: {
    environment: 'jsdom',
    environmentOptions: { jsdom: { url: 'http://localhost:7780/' } },
    setupFiles: ['tests/unit/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}', 'tests/unit/**/*.test.{ts,tsx}'],
    testTimeout: 20_000,
  },
});
