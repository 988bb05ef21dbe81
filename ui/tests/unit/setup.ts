/** What jsdom lacks and the components ask for. */
import { afterEach } from 'vitest';
import { cleanup, configure } from '@testing-library/react';

afterEach(cleanup);
/** Machines that build at the same time are slow. */
configure({ asyncUtilTimeout: 8_000 });
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
} as unknown as typeof ResizeObserver;
