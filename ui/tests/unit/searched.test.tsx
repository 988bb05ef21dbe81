/** How far a search through the history looked: it goes on by itself, can be stopped, and goes further when asked. */
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { Searched } from '../../src/features/runs/Searched';
import { LanguageProvider } from '../../src/shared/language';

/** A search that looks at so many runs a page and finds nothing, in a history without end. */
function Search({ page, onPage }: { page: number; onPage: (runs: number) => void }) {
  const [runs, setRuns] = useState(page);
  const more = async () => {
    onPage(runs + page);
    setRuns(runs + page);
  };
  return <LanguageProvider><Searched found={0} looked={{ runs, backTo: '2026-11-01T10:00:00Z' }} more busy={false} onMore={more} /></LanguageProvider>;
}

describe('a search through the history', () => {
  it('goes on by itself until it has looked far, says so, and looks further when asked', async () => {
    const pages = vi.fn();
    render(<Search page={10_000} onPage={pages} />);
    const further = await screen.findByRole('button', { name: 'Search further' });
    expect(pages.mock.calls.at(-1)).toEqual([50_000]);
    expect(screen.getByRole('status').textContent).toContain('Searched the last 50,000 runs, back to');
    await userEvent.click(further);
    await screen.findByText(/the last 100,000 runs/);
    expect(screen.getByRole('button', { name: 'Search further' })).toBeTruthy();
  });
  it('says nothing where everything was looked at, or a page is full', () => {
    const looked = { runs: 10, backTo: null };
    const { rerender } = render(<LanguageProvider><Searched found={3} looked={looked} more={false} busy={false} onMore={async () => undefined} /></LanguageProvider>);
    expect(screen.queryByRole('status')).toBeNull();
    rerender(<LanguageProvider><Searched found={50} looked={looked} more busy={false} onMore={async () => undefined} /></LanguageProvider>);
    expect(screen.queryByRole('status')).toBeNull();
  });
  it('does not ask again and again where the server does not answer', async () => {
    const pages = vi.fn(async () => undefined);
    render(<LanguageProvider><Searched found={0} looked={{ runs: 1_000, backTo: null }} more busy={false} failed onMore={pages} /></LanguageProvider>);
    expect(pages).not.toHaveBeenCalled();
    await userEvent.click(screen.getByRole('button', { name: 'Search further' }));
    expect(pages).toHaveBeenCalledTimes(1);
  });
  it('can be stopped', async () => {
    const pages = vi.fn(async () => undefined);
    render(<LanguageProvider><Searched found={0} looked={{ runs: 1_000, backTo: null }} more busy onMore={pages} /></LanguageProvider>);
    await userEvent.click(screen.getByRole('button', { name: 'Stop' }));
    expect(screen.getByRole('button', { name: 'Search further' })).toBeTruthy();
    expect(pages).not.toHaveBeenCalled();
  });
});
