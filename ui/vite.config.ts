/** How the interface is built: hashed assets into `dist`, the designer and the editors as chunks of their own. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const server = process.env.HOOKMILL_URL ?? 'http://127.0.0.1:7780';

export default defineConfig({
  plugins: [react()],
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
