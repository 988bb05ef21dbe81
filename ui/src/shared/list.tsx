/** Lists: search that lives in the URL, keyset pages, arrows between rows, `/` to search. */
import { Button, SearchBox } from '@fluentui/react-components';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { api } from '../api/client';
import type { ListQuery, PagedPath } from '../api/operations';
import { useText } from './language';
import { sharedText } from './text';

/**
 * A list by page. The server looks at a bounded number of rows for one page, so a page may come without items although
 * there are further ones: then it is asked for the next, unless the page of the interface says itself how far it looks.
 */
export function usePages<P extends PagedPath>(key: unknown[], path: P, query: ListQuery<P>, { looksOn = true }: { looksOn?: boolean } = {}) {
  const result = useInfiniteQuery({
    queryKey: [...key, query],
    queryFn: ({ pageParam, signal }) => api.page(path, query, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: (before) => before,
  });
  const items = result.data?.pages.flatMap((page) => page.items);
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = result;
  const looking = looksOn && items?.length === 0 && hasNextPage && !isFetchNextPageError;
  useEffect(() => {
    if (looking && !isFetching) void fetchNextPage();
    // An answer may come between two looks at the query: then only the number of pages tells that there was one.
  }, [looking, isFetching, fetchNextPage, result.data?.pages.length]);
  return { ...result, isPending: result.isPending || looking, pages: result.data?.pages, data: looking ? undefined : items };
}

/** Filters of a list in the address: what is empty is left out, and a change does not make a step back. */
export function useFilters<Names extends string>(): [{ [name in Names]?: string }, (change: { [name in Names]?: string | undefined }) => void] {
  const navigate = useNavigate();
  const found: unknown = useSearch({ strict: false });
  const search = found as { [name in Names]?: string };
  const change = (changes: { [name in Names]?: string | undefined }) =>
    void navigate({ to: '.', search: Object.fromEntries(Object.entries({ ...search, ...changes }).filter(([, value]) => value)) as never, replace: true });
  return [search, change];
}

export function MorePages({ query }: { query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown } }) {
  const t = useText(sharedText);
  if (!query.hasNextPage) return null;
  return (
    <div className="more">
      <Button data-row disabledFocusable={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {query.isFetchingNextPage ? t.loading : t.loadMore}
      </Button>
    </div>
  );
}

/** The items whose words have the text; for short lists that come whole. */
export function withText<T>(items: T[], q: string | undefined, words: (item: T) => string): T[] {
  const wanted = q?.toLocaleLowerCase().split(/\s+/).filter(Boolean) ?? [];
  return wanted.length > 0 ? items.filter((item) => wanted.every((word) => words(item).toLocaleLowerCase().includes(word))) : items;
}

/** A search field that reports after a short pause, and takes the focus when `/` is pressed. */
export function Search({ value, onSearch, label }: { value: string; onSearch: (value: string) => void; label?: string }) {
  const t = useText(sharedText);
  const [text, setText] = useState(value);
  const [known, setKnown] = useState(value);
  const [sent, setSent] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  if (value !== known) {
    setKnown(value);
    // The address changed without this field: a link, or a step back. What is being typed stays otherwise.
    if (value !== sent) setText(value);
  }
  const report = useRef(onSearch);
  useEffect(() => {
    report.current = onSearch;
  });
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => {
      setSent(text);
      report.current(text);
    }, 200);
    return () => clearTimeout(timer);
  }, [text, value]);
  useEffect(() => {
    const focus = (event: globalThis.KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key === '/' && !event.ctrlKey && !event.metaKey && !/INPUT|TEXTAREA|SELECT/.test(target.tagName) && !target.isContentEditable) {
        event.preventDefault();
        input.current?.focus();
      }
    };
    window.addEventListener('keydown', focus);
    return () => window.removeEventListener('keydown', focus);
  }, []);
  return <SearchBox ref={input} value={text} onChange={(_, data) => setText(data.value)} placeholder={label ?? t.search} aria-label={label ?? t.search} />;
}

/** Arrow keys, Home and End move between the rows (`data-row` on a focusable element). */
export function moveBetweenRows(event: KeyboardEvent<HTMLElement>): void {
  if (!['ArrowDown', 'ArrowUp', 'Home', 'End'].includes(event.key)) return;
  const target = event.target as HTMLElement;
  if (/INPUT|TEXTAREA|SELECT/.test(target.tagName)) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-row]')];
  const around = target.closest('tr,li');
  const at = rows.findIndex((row) => row === target || row.contains(target) || (around !== null && row.closest('tr,li') === around));
  const next = event.key === 'Home' ? rows[0] : event.key === 'End' ? rows.at(-1) : rows[at + (event.key === 'ArrowDown' ? 1 : -1)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
