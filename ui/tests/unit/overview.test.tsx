/** Settings → Server: what the page says of several servers, of a full disk, and of a database with backups of its own. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { render, screen, within } from '@testing-library/react';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Overview as Figures } from '../../src/api/types';
import { Overview } from '../../src/features/settings/Overview';
import { LanguageProvider } from '../../src/shared/language';
import { LookProvider } from '../../src/shared/theme';
import { answer, mockServer } from './mock-api';

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const quiet: Figures = {
  node: null, uptime_ms: 60_000, memory_bytes: 80_000_000, makes_backups: true, backup: null, shards: 256, nodes: [], slowest: [],
  calls: { accepted: 0, refused: 0 },
  recent: { since: minutesAgo(60), runs: 0, failed: 0, open: 0, minutes: [] },
  queue: { events: 0, flows: [], runs_in_memory: 0, requests: 0, requests_waiting: 0, services_silent: 0, store_refuses: false },
  store: { bytes: 1, disk_free: 50e9, disk_total: 100e9, log_bytes: 0, checkpoint_age_ms: null },
};
const busy: Figures = {
  ...quiet, node: 'one', makes_backups: false,
  recent: { since: minutesAgo(2), runs: 1200, failed: 12, open: 3, minutes: [{ at: minutesAgo(1), runs: 1200, failed: 12 }] },
  slowest: [{ id: 'flw_2', name: 'Of another', is_own: false, runs: 5, mean_ms: 61_000, longest_ms: 120_000 }],
  queue: { ...quiet.queue, events: 40, flows: [{ id: 'flw_1', name: 'Pushes', is_own: true, events: 40 }], services_silent: 2 },
  nodes: [
    { name: 'one', version: '0.1.0', shards: 200, drains: false, silent_ms: 0, uptime_ms: 1, is_this: true },
    { name: 'two', version: '0.1.0', shards: 56, drains: true, silent_ms: 8_000, uptime_ms: 1, is_this: false },
  ],
  store: { bytes: 1, disk_free: null, disk_total: null, log_bytes: null, checkpoint_age_ms: 90_000 },
};

const server = mockServer();

function show(figures: Figures) {
  server.use(answer('get', '/api/overview', figures));
  const root = createRootRoute();
  const page = createRoute({ getParentRoute: () => root, path: '/', component: Overview });
  const router = createRouter({ routeTree: root.addChildren([page]), history: createMemoryHistory() });
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <LanguageProvider><LookProvider><QueryClientProvider client={client}><RouterProvider router={router as never} /></QueryClientProvider></LookProvider></LanguageProvider>,
  );
}

beforeEach(() => window.localStorage.clear());

describe('how the server does', () => {
  it('says that nothing ran, and that nothing was ever backed up', async () => {
    show(quiet);
    expect(await screen.findByText(/No run began in the last hour/)).toBeTruthy();
    expect(screen.getByText('never')).toBeTruthy();
    expect(screen.queryByRole('table')).toBeNull();
  });
  it('shows the servers, what waits, and the flows of others without a link', async () => {
    show(busy);
    const servers = within(await screen.findByRole('table', { name: 'Servers' }));
    expect(servers.getByRole('row', { name: /^one this one 200 of 256 just now/ })).toBeTruthy();
    expect(servers.getByRole('row', { name: /^two gives up its flows silent 56 of 256 8.0 s ago/ })).toBeTruthy();
    expect(screen.getByRole('img', { name: /^Runs by minute in the last .*: 1,200, of which 12 failed\.$/ })).toBeTruthy();
    expect(screen.getByText(/ a second, 12 failed, 3 have not ended$/)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Pushes' }).getAttribute('href')).toBe('/flows/flw_1');
    expect(screen.queryByRole('link', { name: 'Of another' })).toBeNull();
    expect(screen.getByText(/2 services do not answer/)).toBeTruthy();
    expect(screen.getByText('The database is on another machine.')).toBeTruthy();
    expect(screen.getByText('The database has backups of its own.')).toBeTruthy();
  });
  it('warns before the disk is full, and says that nothing is taken', async () => {
    show({ ...quiet, queue: { ...quiet.queue, store_refuses: true }, store: { ...quiet.store, disk_free: 5e9 } });
    expect(await screen.findByText(/The store does not take what it is given/)).toBeTruthy();
    expect(screen.getByText(/Only 5 GB of the disk are free/)).toBeTruthy();
  });
});
