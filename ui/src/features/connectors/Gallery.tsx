/** What there is to add: connectors that come with Hookmill, and the public collection. Searched as one types. */
import { Badge, Button, Dropdown, Field, Input, Link, Option, Spinner } from '@fluentui/react-components';
import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useDeferredValue, useState } from 'react';
import { addressOf, api } from '../../api/client';
import type { GalleryEntry } from '../../api/types';
import { Modal } from '../../shared/bits';
import { useText } from '../../shared/language';
import { Empty } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { galleryText } from './gallery-text';

const VERDICTS = ['', 'full', 'partly', 'not'] as const;

function Entry({ entry, busy, onAdd }: { entry: GalleryEntry; busy: boolean; onAdd: () => void }) {
  const t = useText(galleryText);
  const facts = [entry.publisher && t.by(entry.publisher), t.operations(entry.triggers_count, entry.actions_count), ...entry.authentication.map((kind) => t.authentication[kind] ?? kind), ...entry.categories];
  const color = entry.verdict === 'full' ? 'success' : entry.verdict === 'partly' ? 'warning' : 'danger';
  return (
    <li className="gallery-entry">
      <div className="grow">
        <strong>{entry.title}</strong> {entry.source === 'shipped' && <Badge appearance="tint">{t.shipped}</Badge>}
        <p className="quiet small">{facts.filter(Boolean).join(' · ')}</p>
        <p className="small">
          <Badge appearance="tint" color={color}>{t.verdicts[entry.verdict]}</Badge>{' '}
          {entry.verdict !== 'full' && t.refused(entry.refused_count, entry.refused_by.map((why) => t.reasons[why] ?? why).join(', '))}
        </p>
        {entry.source === 'public' ? <p className="quiet small">{t.licence(entry.licence)}</p> : (
          <p className="small"><Link href={addressOf('/docs/connectors/{name}', { name: entry.id })} target="_blank" aria-label={`${t.guide}: ${entry.title}`}>{t.guide}</Link></p>
        )}
      </div>
      <Button disabled={busy || entry.refused_by.includes('file')} onClick={onAdd} aria-label={`${t.add}: ${entry.title}`}>{t.add}</Button>
    </li>
  );
}

export function Gallery({ onClose }: { onClose: () => void }) {
  const t = useText(galleryText);
  const navigate = useNavigate();
  const client = useQueryClient();
  const [typed, setTyped] = useState('');
  const [verdict, setVerdict] = useState<(typeof VERDICTS)[number]>('');
  const [adding, setAdding] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const words = useDeferredValue(typed);
  const found = useInfiniteQuery({
    queryKey: ['gallery', words, verdict],
    queryFn: ({ pageParam, signal }) => api.get('/api/gallery', { query: { q: words, offset: pageParam, ...(verdict ? { verdict } : {}) }, signal }),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const seen = pages.reduce((sum, page) => sum + page.items.length, 0);
      return seen < last.total ? seen : null;
    },
    placeholderData: keepPreviousData,
    staleTime: Infinity,
  });
  const entries = found.data?.pages.flatMap((page) => page.items) ?? [];
  const total = found.data?.pages[0]?.total ?? 0;
  const add = async (entry: GalleryEntry) => {
    setAdding(entry.id);
    setError(null);
    try {
      const made = await api.post('/api/connectors', { body: { gallery: entry.id } });
      await client.invalidateQueries({ queryKey: ['connectors'] });
      await navigate({ to: '/connectors/$connector/$part', params: { connector: made.id, part: 'general' } });
    } catch (problem) {
      setError(problem);
    } finally {
      setAdding(null);
    }
  };
  return (
    <Modal open title={t.title} onClose={onClose}>
      <div className="row">
        <Field label={t.search} className="grow"><Input value={typed} autoFocus onChange={(_, data) => setTyped(data.value)} /></Field>
        <Field label={t.runsHere}>
          <Dropdown value={t.verdictChoices[verdict] ?? ''} selectedOptions={[verdict]} onOptionSelect={(_, data) => setVerdict((data.optionValue ?? '') as typeof verdict)}>
            {VERDICTS.map((one) => <Option key={one} value={one}>{t.verdictChoices[one] ?? ''}</Option>)}
          </Dropdown>
        </Field>
      </div>
      <ProblemBar error={error ?? found.error} onDismiss={() => setError(null)} />
      <p className="quiet small" role="status">{found.isPending ? t.loading : t.total(total)}</p>
      {found.isPending ? <Spinner label={t.loading} /> : entries.length === 0 ? <Empty title={t.nothing} /> : (
        <ul className="gallery" aria-label={t.title}>
          {entries.map((entry) => <Entry key={entry.id} entry={entry} busy={adding !== null} onAdd={() => void add(entry)} />)}
        </ul>
      )}
      {adding !== null && <Spinner size="tiny" label={t.fetching} />}
      {found.hasNextPage && <Button disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>{t.more}</Button>}
    </Modal>
  );
}
