/** Lists by page: pages without items are passed over, short lists are searched where they are. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { renderHook, waitFor } from '@testing-library/react';
import { HttpResponse, http } from 'msw';
import type { ReactNode } from 'react';
import { describe, expect, it } from 'vitest';
import { usePages, withText } from '../../src/shared/list';
import { mockServer } from './mock-api';

const asked: (string | null)[] = [];
mockServer(
  http.get('*/api/connectors', ({ request }) => {
    const cursor = new URL(request.url).searchParams.get('cursor');
    asked.push(cursor);
    const at = Number(cursor ?? 0);
    return HttpResponse.json(at < 3 ? { items: [], next_cursor: String(at + 1) } : { items: [{ id: 'cnr_1', name: 'Forge' }], next_cursor: null });
  }),
);

const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
const wrapper = ({ children }: { children: ReactNode }) => <QueryClientProvider client={client}>{children}</QueryClientProvider>;

describe('a list by page', () => {
  it('looks on through pages without items, and is pending meanwhile', async () => {
    asked.length = 0;
    const { result } = renderHook(() => usePages(['connectors'], '/api/connectors', { q: 'rare' }), { wrapper });
    expect(result.current.isPending).toBe(true);
    await waitFor(() => expect(result.current.data).toHaveLength(1));
    expect(asked).toEqual([null, '1', '2', '3']);
    expect(result.current.isPending).toBe(false);
  });
  it('leaves that to a page that says how far it looks', async () => {
    asked.length = 0;
    const { result } = renderHook(() => usePages(['connectors'], '/api/connectors', { q: 'rarer' }, { looksOn: false }), { wrapper });
    await waitFor(() => expect(result.current.data).toEqual([]));
    expect(asked).toEqual([null]);
    expect(result.current.hasNextPage).toBe(true);
  });
});

describe('a short list', () => {
  it('is searched in any case', () => {
    const names = ['Deployment', 'Backup script', 'Ärger'];
    expect(withText(names, ' SCRIPT ', (name) => name)).toEqual(['Backup script']);
    expect(withText(names, 'ärg', (name) => name)).toEqual(['Ärger']);
    expect(withText(names, undefined, (name) => name)).toEqual(names);
  });
});
