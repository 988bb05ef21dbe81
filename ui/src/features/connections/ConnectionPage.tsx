/** One connection: repair, test, uses, delete. */
import { Button, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import type { ConnectionTest } from '../../api/types';
import { Ago, Confirm } from '../../shared/bits';
import { ConnectionForm } from '../../shared/ConnectionForm';
import { connectionText } from '../../shared/connection-text';
import { useText } from '../../shared/language';
import { Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { Health } from './ConnectionsPage';

export function ConnectionPage() {
  const t = useText(connectionText);
  const shared = useText(sharedText);
  const { connection: id } = useParams({ strict: false }) as { connection: string };
  const client = useQueryClient();
  const navigate = useNavigate();
  const connection = useQuery({ queryKey: ['connections', id], queryFn: ({ signal }) => api.get('/api/connections/{id}', { path: { id }, signal }) });
  const connectorId = connection.data?.connector.id;
  const connector = useQuery({ queryKey: ['connectors', connectorId], queryFn: connectorId ? ({ signal }) => api.get('/api/connectors/{id}', { path: { id: connectorId }, signal }) : skipToken });
  const uses = useQuery({ queryKey: ['connections', id, 'uses'], queryFn: ({ signal }) => api.get('/api/connections/{id}/uses', { path: { id }, signal }) });
  const [error, setError] = useState<unknown>(null);
  const [told, setTold] = useState<ConnectionTest | 'saved' | null>(null);
  const [deleting, setDeleting] = useState(false);
  const test = () => {
    setError(null);
    api.post('/api/connections/{id}/test', { path: { id } })
      .then((answer) => {
        setTold(answer);
        return client.invalidateQueries({ queryKey: ['connections'] });
      })
      .catch(setError);
  };
  const flows = uses.data?.used_by ?? [];
  return (
    <Page
      narrow
      title={connection.data?.name ?? t.title}
      actions={
        <>
          <Button onClick={test}>{t.test}</Button>
          <Button onClick={() => setDeleting(true)}>{shared.delete}</Button>
        </>
      }
    >
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <div role="status">
        {told === 'saved' && <MessageBar intent="success"><MessageBarBody>{t.saved}</MessageBarBody></MessageBar>}
        {told && told !== 'saved' && (
          <MessageBar intent={told.health === 'ok' ? 'success' : told.health === 'broken' ? 'error' : 'info'} layout="multiline">
            <MessageBarBody>{t.tested} {t[told.health]}. {told.detail}</MessageBarBody>
          </MessageBar>
        )}
      </div>
      <Loaded query={connection}>
        {(data) => (
          <>
            <section className="panel">
              <dl className="facts">
                <dt>{t.connector}</dt>
                <dd><Link to="/connectors/$connector/$part" params={{ connector: data.connector.id, part: 'general' }}>{data.connector.name}</Link></dd>
                <dt>{t.health}</dt>
                <dd><Health connection={data} /> {data.health_detail}</dd>
                {data.signed_in_at && (
                  <>
                    <dt>{t.lastSignIn}</dt>
                    <dd><Ago time={data.signed_in_at} /></dd>
                  </>
                )}
                <dt>{t.created}</dt>
                <dd><Ago time={data.created_at} /></dd>
              </dl>
            </section>
            <section className="panel">
              <h2>{t.repair}</h2>
              <Loaded query={connector} rows={2}>
                {(found) => (
                  <ConnectionForm
                    key={data.id}
                    connector={found}
                    connection={data}
                    onDone={() => setTold('saved')}
                  />
                )}
              </Loaded>
            </section>
            <section className="panel">
              <h2>{t.uses}</h2>
              {flows.length === 0 ? (
                <p className="quiet">{t.noUses}</p>
              ) : (
                <ul>{flows.map((flow) => <li key={flow.id}><Link to="/flows/$flow" params={{ flow: flow.id }}>{flow.name}</Link></li>)}</ul>
              )}
            </section>
          </>
        )}
      </Loaded>
      <Confirm
        open={deleting}
        title={t.deleteTitle(connection.data?.name ?? '')}
        action={shared.delete}
        onClose={() => setDeleting(false)}
        onConfirm={() => api.delete('/api/connections/{id}', { path: { id } }).then(() => navigate({ to: '/connections' }))}
      >
        <p>{t.deleteText}</p>
      </Confirm>
    </Page>
  );
}
