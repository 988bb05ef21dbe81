/** Connections: health, who uses them, new ones. */
import { Badge, Button, Field } from '@fluentui/react-components';
import { AddRegular, PlugConnectedRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Connection } from '../../api/types';
import { Confirm, ConnectorIcon, Modal } from '../../shared/bits';
import { ConnectionForm } from '../../shared/ConnectionForm';
import { connectionText } from '../../shared/connection-text';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { MorePages, moveBetweenRows, Search, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';

export function Health({ connection: { health, needs_sign_in } }: { connection: Connection }) {
  const t = useText(connectionText);
  return (
    <Badge appearance="tint" color={health === 'ok' ? 'success' : health === 'broken' ? 'danger' : needs_sign_in ? 'warning' : 'subtle'}>
      {needs_sign_in && health === 'unknown' ? t.notSignedIn : (t[health] ?? health)}
    </Badge>
  );
}

function NewConnection({ onClose }: { onClose: () => void }) {
  const t = useText(connectionText);
  const connectors = useQuery({ queryKey: ['connectors', 'all'], queryFn: ({ signal }) => api.get('/api/connectors', { query: { limit: 200 }, signal }) });
  const [chosen, setChosen] = useState('');
  const navigate = useNavigate();
  return (
    <Modal open title={t.create} onClose={onClose}>
      <Loaded query={connectors} rows={2}>
        {(data) => {
          if (data.items.length === 0) {
            return <Empty title={t.noConnectors} actions={<Button appearance="primary" onClick={() => void navigate({ to: '/connectors' })}>{t.createConnector}</Button>} />;
          }
          const connector = data.items.find((item) => item.id === chosen) ?? (data.items.length === 1 ? data.items[0] : undefined);
          return (
            <>
              <Field label={t.connector}>
                <LongSelect value={connector?.id ?? ''} empty={t.chooseConnector} options={data.items.map((item) => ({ value: item.id, title: item.name }))} onChange={setChosen} />
              </Field>
              {connector && <ConnectionForm key={connector.id} connector={connector} onDone={onClose} />}
            </>
          );
        }}
      </Loaded>
    </Modal>
  );
}

export function ConnectionsPage() {
  const t = useText(connectionText);
  const shared = useText(sharedText);
  const search = useSearch({ strict: false }) as { q?: string };
  const navigate = useNavigate();
  const client = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [doomed, setDoomed] = useState<Connection | null>(null);
  const [error, setError] = useState<unknown>(null);
  const connections = usePages(['connections', 'list'], '/api/connections', { q: search.q });
  const newButton = <Button appearance="primary" icon={<AddRegular />} onClick={() => setCreating(true)}>{t.create}</Button>;
  return (
    <Page title={t.title} actions={newButton}>
      <div className="row">
        <Search value={search.q ?? ''} onSearch={(q) => void navigate({ to: '/connections', search: q ? { q } : {}, replace: true })} label={t.search} />
      </div>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <Loaded query={connections}>
        {(items) =>
          items.length === 0 ? (
            search.q ? <Empty title={t.nothingFound} /> : <Empty title={t.emptyTitle} icon={<PlugConnectedRegular />} actions={newButton}>{t.emptyText}</Empty>
          ) : (
            <div className="table-wrap" onKeyDown={moveBetweenRows}>
              <table className="table">
                <thead>
                  <tr>
                    <th>{t.name}</th>
                    <th className="optional">{t.connector}</th>
                    <th>{t.health}</th>
                    <th className="optional">{t.used}</th>
                    <th><span className="visually-hidden">{shared.more}</span></th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((item) => (
                    <tr key={item.id}>
                      <td>
                        <div className="name">
                          <ConnectorIcon url={item.connector.icon_url} name={item.connector.name} />
                          <Link to="/connections/$connection" params={{ connection: item.id }} data-row>{item.name}</Link>
                        </div>
                      </td>
                      <td className="optional">{item.connector.name}</td>
                      <td><Health connection={item} /></td>
                      <td className="optional">{item.used_by_count}</td>
                      <td className="actions">
                        <Button appearance="subtle" aria-label={`${t.test}: ${item.name}`} onClick={() => void api.post('/api/connections/{id}/test', { path: { id: item.id } }).then(() => client.invalidateQueries({ queryKey: ['connections'] })).catch(setError)}>{t.test}</Button>
                        <Button appearance="subtle" aria-label={`${shared.delete}: ${item.name}`} onClick={() => setDoomed(item)}>{shared.delete}</Button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <MorePages query={connections} />
            </div>
          )
        }
      </Loaded>
      {creating && <NewConnection onClose={() => setCreating(false)} />}
      <Confirm
        open={doomed !== null}
        title={t.deleteTitle(doomed?.name ?? '')}
        action={shared.delete}
        onClose={() => setDoomed(null)}
        onConfirm={() => api.delete('/api/connections/{id}', { path: { id: doomed?.id ?? '' } }).then(() => client.invalidateQueries({ queryKey: ['connections'] }))}
      >
        <p>{t.deleteText}</p>
      </Confirm>
    </Page>
  );
}
