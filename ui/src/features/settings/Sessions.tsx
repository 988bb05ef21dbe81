/** The browsers that are signed in to one's account. */
import { Badge, Button } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import { Ago } from '../../shared/bits';
import { useText } from '../../shared/language';
import { moveBetweenRows } from '../../shared/list';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { settingsText } from './text';

export function Sessions() {
  const t = useText(settingsText);
  const client = useQueryClient();
  const sessions = useQuery({ queryKey: ['sessions'], queryFn: ({ signal }) => api.get('/api/sessions', { signal }) });
  const [error, setError] = useState<unknown>(null);
  const act = (what: Promise<unknown>) => {
    setError(null);
    what.catch(setError).finally(() => void client.invalidateQueries({ queryKey: ['sessions'] }));
  };
  return (
    <section className="panel stack" aria-labelledby="sessions-title">
      <h2 id="sessions-title">{t.sessions}</h2>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <Loaded query={sessions} rows={2}>
        {({ items }) => (
          <>
            <div className="table-wrap" onKeyDown={moveBetweenRows}>
              <table className="table" aria-label={t.sessions}>
                <thead><tr><th>{t.browser}</th><th>{t.signedIn}</th><th><span className="visually-hidden">{t.signOut}</span></th></tr></thead>
                <tbody>
                  {items.map((session) => (
                    <tr key={session.id}>
                      <td>{session.browser || t.unknownBrowser} {session.current && <Badge appearance="tint">{t.thisBrowser}</Badge>}</td>
                      <td className="quiet"><Ago time={session.created_at} /></td>
                      <td className="actions">
                        {!session.current && <Button data-row appearance="subtle" aria-label={`${t.signOut}: ${session.browser || t.unknownBrowser}`} onClick={() => act(api.delete('/api/sessions/{id}', { path: { id: session.id } }))}>{t.signOut}</Button>}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {items.length > 1 && <div className="commands"><Button onClick={() => act(api.post('/api/sessions/end-others'))}>{t.signOutOthers}</Button></div>}
          </>
        )}
      </Loaded>
    </section>
  );
}
