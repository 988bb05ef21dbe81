/** Pages and panels against answers of the server: what they show, what they ask, what they say when it refuses. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { ReactElement } from 'react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { components } from '../../src/api/schema';
import { SearchPanel, type Choice } from '../../src/features/designer/SearchPanel';
import { MapField } from '../../src/features/designer/forms/MapField';
import { SchemaField } from '../../src/features/designer/SchemaField';
import { HomePage } from '../../src/features/home/HomePage';
import type { Json } from '../../src/flow-model/definition';
import { LanguageProvider } from '../../src/shared/language';
import { LookProvider } from '../../src/shared/theme';
import { answer, mockServer, refusal } from './mock-api';

const NOTHING = { items: [], next_cursor: null };
const ALL_WELL = { ...NOTHING, counts: [] };
const NO_RUNS = { ...NOTHING, looked_at: 0, looked_back_to: null };
const flow: components['schemas']['FlowListed'] = {
  id: 'flw_1', name: 'Pushes', description: null, state: 'off', version: 1, etag: '1', trigger: null, last_run: null, recent: [], tags: [], created_at: '2026-11-01T10:00:00Z', updated_at: '2026-11-01T10:00:00Z',
};
const catalog: components['schemas']['CatalogItem'][] = [
  { kind: 'action', type: 'OpenApiConnection', operation_id: 'CreateIssue', title: 'Create an issue', description: 'Opens an issue.', connector: { id: 'cnr_1', name: 'Forge', icon_url: null, color: '#20435c' } },
];

const server = mockServer(answer('get', '/api/run-batches', NOTHING), answer('get', '/api/attention', ALL_WELL), answer('get', '/api/flows', NOTHING), answer('get', '/api/runs', NO_RUNS), answer('get', '/api/catalog', { items: catalog, next_cursor: null }));

function show(element: ReactElement) {
  const root = createRootRoute();
  const page = createRoute({ getParentRoute: () => root, path: '/', component: () => element });
  const router = createRouter({ routeTree: root.addChildren([page]), history: createMemoryHistory() });
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <LanguageProvider>
      <LookProvider>
        <QueryClientProvider client={client}>
          <RouterProvider router={router as never} />
        </QueryClientProvider>
      </LookProvider>
    </LanguageProvider>,
  );
}

beforeEach(() => window.localStorage.clear());

describe('home', () => {
  it('offers a new server a guided start', async () => {
    show(<HomePage />);
    expect(await screen.findByRole('heading', { name: 'Your first webhook flow in two minutes' })).toBeTruthy();
    expect(await screen.findByText('Nothing needs your attention.')).toBeTruthy();
    expect(await screen.findByText(/No run yet/)).toBeTruthy();
  });
  it('lists what needs attention, with the way there', async () => {
    server.use(
      answer('get', '/api/flows', { items: [flow], next_cursor: null }),
      answer('get', '/api/attention', { items: [{ kind: 'webhook_failed', title: 'Pushes', detail: 'The webhook could not be created.', hint: 'Open the flow.', flow: { id: 'flw_1', name: 'Pushes' } }], next_cursor: null, counts: [{ kind: 'webhook_failed', count: 1, and_more: false }] }),
    );
    show(<HomePage />);
    const link = await screen.findByRole('link', { name: 'Open Pushes' });
    expect(link.getAttribute('href')).toBe('/flows/flw_1');
    expect(screen.queryByText(/first webhook flow/)).toBeNull();
  });
  it('says why it cannot, what to do, and the number of the request', async () => {
    server.use(refusal('get', '/api/attention', { type: '/docs/errors/storage', title: 'Service Unavailable', status: 503, code: 'storage', detail: 'The disk is full.', hint: 'Make room.', fault: 'operator', request_id: 'req_7' }));
    show(<HomePage />);
    const told = await screen.findByRole('alert');
    expect(told.textContent).toContain('The disk is full.');
    expect(told.textContent).toContain('Make room.');
    expect(told.textContent).toContain('req_7');
    expect(within(told).getByRole('button', { name: 'Try again' })).toBeTruthy();
  });
  it('speaks German', async () => {
    window.localStorage.setItem('hookmill-language', 'de');
    show(<HomePage />);
    expect(await screen.findByText('Nichts braucht Ihre Aufmerksamkeit.')).toBeTruthy();
  });
});

describe('the search for steps', () => {
  it('finds by name, connector and description, and remembers what was chosen', async () => {
    const chosen = vi.fn<(choice: Choice) => void>();
    show(<SearchPanel kind="action" onChoose={chosen} />);
    const user = userEvent.setup();
    expect(await screen.findByRole('region', { name: 'Control' })).toBeTruthy();
    await user.type(screen.getByRole('searchbox'), 'forge issue');
    await user.click(await within(await screen.findByRole('region', { name: 'Forge' })).findByRole('button', { name: /Create an issue/ }));
    expect(chosen).toHaveBeenCalledWith({ item: catalog[0] });
    await user.clear(screen.getByRole('searchbox'));
    expect(within(await screen.findByRole('region', { name: 'Recently used' })).getByText('Create an issue')).toBeTruthy();
    await user.type(screen.getByRole('searchbox'), 'xyzzy');
    expect(await screen.findByText(/Nothing fits/)).toBeTruthy();
  });
  it('goes to cards of the flow', async () => {
    const go = vi.fn<(name: string) => void>();
    show(<SearchPanel kind="action" onChoose={() => undefined} steps={{ actions: { Read_the_report: { type: 'Compose', inputs: '' } } }} onStep={go} />);
    const user = userEvent.setup();
    await user.type(await screen.findByRole('searchbox'), 'report');
    await user.click(within(await screen.findByRole('region', { name: 'In this flow' })).getByRole('button', { name: 'Read the report' }));
    expect(go).toHaveBeenCalledWith('Read_the_report');
  });
});

describe('fields of a schema', () => {
  it('offer the values of an enumeration, and others on request', async () => {
    const change = vi.fn<(value: Json | undefined) => void>();
    show(<SchemaField schema={{ type: 'string', enum: ['low', 'high'] }} label="Priority" value={undefined} step={null} fieldKey="k" onChange={change} />);
    const user = userEvent.setup();
    await user.selectOptions(await screen.findByRole('combobox', { name: 'Priority' }), 'high');
    expect(change).toHaveBeenCalledWith('high');
  });
  it('show an object as its members and hide internal ones', async () => {
    show(<SchemaField schema={{ type: 'object', properties: { open: { type: 'boolean', title: 'Open' }, secret: { type: 'boolean', title: 'Secret', 'x-ms-visibility': 'internal' } } }} label="Issue" value={{ open: true }} step={null} fieldKey="k" onChange={() => undefined} />);
    const group = await screen.findByRole('group', { name: 'Issue' });
    expect(within(group).getByRole('combobox', { name: 'Open' })).toBeTruthy();
    expect(within(group).queryByRole('combobox', { name: 'Secret' })).toBeNull();
    await userEvent.setup().click(within(group).getByRole('button', { name: 'Edit as JSON' }));
    expect((within(group).getByRole('textbox') as HTMLTextAreaElement).value).toContain('"open": true');
  });
  it('keep what is not plain names and values as JSON', async () => {
    show(<MapField label="Headers" value="@outputs('Compose')" step={null} fieldKey="k" onChange={() => undefined} />);
    expect(((await screen.findByRole('textbox', { name: 'Headers' })) as HTMLTextAreaElement).value).toBe("@outputs('Compose')");
  });
});
