/** Webhooks that were left behind at services: what the service answered, try again, mark as done. */
import { Button, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import type { LeftBehind } from '../../api/types';
import { Ago } from '../../shared/bits';
import { JsonView } from '../../shared/JsonView';
import { useText } from '../../shared/language';
import { MorePages, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { leftText } from './left-text';

function Entry({ left, onDone }: { left: LeftBehind; onDone: (said: string) => void }) {
  const t = useText(leftText);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const act = (what: 'delete' | 'done', said: string) => {
    setBusy(true);
    setError(null);
    (what === 'delete' ? api.post('/api/left-behind-webhooks/{id}/delete', { path: { id: left.id } }) : api.post('/api/left-behind-webhooks/{id}/done', { path: { id: left.id } }))
      .then(() => onDone(said))
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <section className="panel stack" aria-label={left.flow_name}>
      <h2>{left.flow_is_deleted ? `${left.flow_name} (${t.deleted})` : <Link to="/flows/$flow" params={{ flow: left.flow_id }}>{left.flow_name}</Link>}</h2>
      <p>{left.why}</p>
      <dl className="facts">
        <dt>{t.created}</dt>
        <dd><Ago time={left.created_at} /></dd>
        <dt>{t.left}</dt>
        <dd><Ago time={left.left_at} /></dd>
        {left.address && (<><dt>{t.address}</dt><dd><code>{left.address}</code></dd></>)}
      </dl>
      {left.answer === null ? <p className="quiet">{t.noAnswer}</p> : (
        <details>
          <summary>{t.answer}</summary>
          <JsonView value={{ request: left.request, response: left.answer }} fileName="webhook.json" />
        </details>
      )}
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <div className="commands">
        <Button appearance="primary" disabled={busy} onClick={() => act('delete', t.tried)}>{t.tryAgain}</Button>
        <Button disabled={busy} onClick={() => act('done', t.marked)}>{t.markDone}</Button>
      </div>
    </section>
  );
}

export function LeftBehindPage() {
  const t = useText(leftText);
  const client = useQueryClient();
  const [said, setSaid] = useState<string | null>(null);
  const left = usePages(['left-behind'], '/api/left-behind-webhooks', {});
  const done = (text: string) => {
    setSaid(text);
    void client.invalidateQueries({ queryKey: ['left-behind'] });
  };
  return (
    <Page narrow title={t.title}>
      <p className="quiet">{t.meaning}</p>
      <div role="status">{said && <MessageBar intent="success"><MessageBarBody>{said}</MessageBarBody></MessageBar>}</div>
      <Loaded query={left}>
        {(items) => (items.length === 0 ? <Empty title={t.none} /> : <>{items.map((item) => <Entry key={item.id} left={item} onDone={done} />)}</>)}
      </Loaded>
      <MorePages query={left} />
    </Page>
  );
}
