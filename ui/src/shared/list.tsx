/** Lists: search that lives in the URL, keyset pages, arrows between rows, `/` to search. */
import { Button, SearchBox } from '@fluentui/react-components';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { api } from '../api/client';
import type { ListQuery, PagedPath } from '../api/operations';
import { useText } from './language';
import { sharedText } from './text';

export function usePages<P extends PagedPath>(key: unknown[], path: P, query: ListQuery<P>) {
  const result = useInfiniteQuery({
    queryKey: [...key, query],
    queryFn: ({ pageParam, signal }) => api.page(path, query, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: (before) => before,
  });
  return { ...result, data: result.data?.pages.flatMap((page) => page.items) };
}

export function MorePages({ query }: { query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown } }) {
  const t = useText(sharedText);
  if (!query.hasNextPage) return null;
  return (
    <div className="more">
      <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {query.isFetchingNextPage ? t.loading : t.loadMore}
      </Button>
    </div>
  );
}

/** A search field that reports after a short pause, and takes the focus when `/` is pressed. */
export function Search({ value, onSearch, label }: { value: string; onSearch: (value: string) => void; label?: string }) {
  const t = useText(sharedText);
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const report = useRef(onSearch);
  useEffect(() => {
    report.current = onSearch;
  });
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => report.current(text), 200);
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

/** Arrow keys move between the rows (`data-row` on a focusable element). */
export function moveBetweenRows(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const target = event.target as HTMLElement;
  if (/INPUT|TEXTAREA|SELECT/.test(target.tagName)) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.findIndex((row) => row === target || row.contains(target) || row.closest('tr,li') === target.closest('tr,li'));
  const next = rows[at + (event.key === 'ArrowDown' ? 1 : -1)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
