/** The inbox: start page of the installed app, made for a phone first. */
import { Button, Switch } from '@fluentui/react-components';
import { AlertRegular, DeleteRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import type { InboxItem } from '../../api/types';
import { Ago } from '../../shared/bits';
import { Devices } from '../../shared/Devices';
import { useText } from '../../shared/language';
import { MorePages, usePages } from '../../shared/list';
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

function Message({ item, onError }: { item: InboxItem; onError: (error: unknown) => void }) {
  const t = useText(notificationsText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const { flow, run } = item;
  const link = linkOf(item);
  const act = (what: Promise<unknown>) => void what.catch(onError).finally(() => client.invalidateQueries({ queryKey: ['notifications'] }));
  const read = () => {
    if (!item.read_at) act(api.post('/api/notifications/{id}/read', { path: { id: item.id } }));
  };
  return (
    <li className={item.read_at ? '' : 'unread'}>
      <div className="body">
        <div className="row">
          <strong>{item.title}</strong>
          {!item.read_at && <span className="visually-hidden">{t.unread}</span>}
          <span className="quiet small"><Ago time={item.created_at} /></span>
        </div>
        <div dir="auto">{item.text}</div>
        <div className="row small">
          {link && <a href={link.href} target="_blank" rel="noopener noreferrer" onClick={read}>{link.label ?? t.openLink}</a>}
          {flow && run && <Link to="/flows/$flow/runs/$run" params={{ flow, run }} onClick={read}>{t.openRun}</Link>}
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
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { unread?: string };
  const [error, setError] = useState<unknown>(null);
  const inbox = usePages(['notifications', 'list'], '/api/notifications', { unread: search.unread === 'true' });
  return (
    <Page
      title={t.title}
      narrow
      actions={
        <>
          <Switch label={t.onlyUnread} checked={search.unread === 'true'} onChange={(_, data) => void navigate({ to: '/notifications', search: data.checked ? { unread: 'true' } : {}, replace: true })} />
          <Button onClick={() => void api.post('/api/notifications/read-all').catch(setError).finally(() => client.invalidateQueries({ queryKey: ['notifications'] }))}>{t.readAll}</Button>
        </>
      }
    >
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <Loaded query={inbox}>
        {(items) =>
          items.length === 0 ? (
            <Empty title={t.emptyTitle} icon={<AlertRegular />}>{t.emptyText}</Empty>
          ) : (
            <>
              <ul className="inbox">{items.map((item) => <Message key={item.id} item={item} onError={setError} />)}</ul>
              <MorePages query={inbox} />
            </>
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
