/** The inbox: start page of the installed app, made for a phone first. */
import { Button, Switch } from '@fluentui/react-components';
import { AlertRegular, DeleteRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useRef, useState, type KeyboardEvent } from 'react';
import { api, Problem } from '../../api/client';
import type { InboxItem } from '../../api/types';
import { Ago } from '../../shared/bits';
import { Devices } from '../../shared/Devices';
import { useText } from '../../shared/language';
import { MorePages, moveBetweenRows, Search, useFilters, usePages } from '../../shared/list';
import { notificationsText } from '../../shared/notifications-text';
import { Empty, Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';

/** The link a flow gave to its message; only web addresses count, since the text may come from anywhere. */
export function linkOf(item: InboxItem): { href: string; label?: string } | null {
  const link = item.link;
  const href = link?.uri;
  if (!href || !/^https?:\/\//i.test(href)) return null;
  return { href, ...(link.label ? { label: link.label } : {}) };
}

/** Longer texts are cut until somebody wants to read them. */
const SHORT_CHARS = 600;

/** Marks a message as read. Without the server the service worker remembers it, and tells the server later. */
async function markRead(id: string): Promise<void> {
  await api.post('/api/notifications/{id}/read', { path: { id } }).catch((error: unknown) => {
    const worker = navigator.serviceWorker?.controller;
    if (!(error instanceof Problem && error.code === 'unreachable' && worker)) throw error;
    worker.postMessage({ type: 'read', id });
  });
}

function Message({ item, onError }: { item: InboxItem; onError: (error: unknown) => void }) {
  const t = useText(notificationsText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const row = useRef<HTMLLIElement>(null);
  const [whole, setWhole] = useState(false);
  const { flow, run } = item;
  const link = linkOf(item);
  const approval = /^\/approvals\/(apr_\w+)$/.exec(item.link?.uri ?? '')?.[1];
  const long = item.text.length > SHORT_CHARS;
  const act = (what: Promise<unknown>) => void what.catch(onError).finally(() => client.invalidateQueries({ queryKey: ['notifications'] }));
  const read = () => {
    if (!item.read_at) act(markRead(item.id));
  };
  const keys = (event: KeyboardEvent) => {
    // Enter on the message itself opens what it is about.
    if (event.key === 'Enter' && event.target === row.current) row.current?.querySelector<HTMLElement>('[data-open]')?.click();
  };
  return (
    <li ref={row} className={item.read_at ? '' : 'unread'} data-row tabIndex={0} onKeyDown={keys}>
      <div className="body">
        <div className="row">
          <strong>{item.title}</strong>
          {!item.read_at && <span className="visually-hidden">{t.unread}</span>}
          <span className="quiet small"><Ago time={item.created_at} /></span>
        </div>
        <div dir="auto">{long && !whole ? `${item.text.slice(0, SHORT_CHARS).trimEnd()}…` : item.text}</div>
        <div className="row small">
          {long && <Button size="small" appearance="subtle" aria-expanded={whole} onClick={() => setWhole(!whole)}>{whole ? t.showLess : t.showAll}</Button>}
          {link && <a href={link.href} target="_blank" rel="noopener noreferrer" data-open onClick={read}>{link.label ?? t.openLink}</a>}
          {approval && <Link to="/approvals/$approval" params={{ approval }} data-open onClick={read}>{t.openApproval}</Link>}
          {flow && run && <Link to="/flows/$flow/runs/$run" params={{ flow, run }} data-open onClick={read}>{t.openRun}</Link>}
          {!item.read_at && <Button size="small" appearance="subtle" onClick={read}>{t.markRead}</Button>}
        </div>
      </div>
      <Button appearance="subtle" icon={<DeleteRegular />} aria-label={`${shared.delete}: ${item.title}`} onClick={() => act(api.delete('/api/notifications/{id}', { path: { id: item.id } }))} />
    </li>
  );
}

export function InboxPage() {
  const t = useText(notificationsText);
  const client = useQueryClient();
  const [search, filter] = useFilters<'unread' | 'q'>();
  const [error, setError] = useState<unknown>(null);
  const unread = search.unread === 'true';
  // Without a filter this is the address that the service worker keeps for times without a network.
  const inbox = usePages(['notifications', 'list'], '/api/notifications', { ...(unread ? { unread } : {}), ...(search.q ? { q: search.q } : {}) });
  const filtered = unread || !!search.q;
  return (
    <Page
      title={t.title}
      narrow
      actions={
        <>
          <Switch label={t.onlyUnread} checked={unread} onChange={(_, data) => filter({ unread: data.checked ? 'true' : undefined })} />
          <Button onClick={() => void api.post('/api/notifications/read-all').catch(setError).finally(() => client.invalidateQueries({ queryKey: ['notifications'] }))}>{t.readAll}</Button>
        </>
      }
    >
      <Search value={search.q ?? ''} onSearch={(q) => filter({ q })} label={t.search} />
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <Loaded query={inbox}>
        {(items) =>
          items.length === 0 ? (
            filtered ? (
              <Empty title={t.nothingFits} actions={<Button onClick={() => filter({ unread: undefined, q: undefined })}>{t.showAllMessages}</Button>} />
            ) : (
              <Empty title={t.emptyTitle} icon={<AlertRegular />}>{t.emptyText}</Empty>
            )
          ) : (
            <div onKeyDown={moveBetweenRows}>
              <ul className="inbox" aria-label={t.title}>{items.map((item) => <Message key={item.id} item={item} onError={setError} />)}</ul>
              <MorePages query={inbox} />
            </div>
          )
        }
      </Loaded>
      <section className="panel stack" aria-labelledby="devices-title">
        <h2 id="devices-title">{t.devices}</h2>
        <Devices />
      </section>
    </Page>
  );
}
