/** Personal API tokens: shown once when they are made. */
import { Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/client';
import type { ApiToken } from '../../api/types';
import { Ago, CopyButton } from '../../shared/bits';
import { useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { settingsText } from './text';

export function Tokens() {
  const t = useText(settingsText);
  const client = useQueryClient();
  const tokens = useQuery({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => api.get('/api/tokens', { signal }).then((page) => page.items),
  });
  const [name, setName] = useState('');
  const [made, setMade] = useState<ApiToken | null>(null);
  const [error, setError] = useState<unknown>(null);
  const act = <T,>(what: Promise<T>, done?: (value: T) => void) => {
    setError(null);
    what
      .then(done)
      .catch(setError)
      .finally(() => void client.invalidateQueries({ queryKey: ['tokens'] }));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    act(api.post('/api/tokens', { body: { name } }), (token) => {
      setMade(token);
      setName('');
    });
  };
  return (
    <section className="panel stack">
      <form className="row" onSubmit={submit}>
        <Field label={t.tokenName} className="grow"><Input value={name} onChange={(_, data) => setName(data.value)} /></Field>
        <Button type="submit" appearance="primary" disabled={!name}>{t.newToken}</Button>
      </form>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      {made?.token && (
        <MessageBar intent="success" layout="multiline">
          <MessageBarBody>
            <MessageBarTitle>{t.tokenOnce}</MessageBarTitle>
            <div><code>{made.token}</code> <CopyButton text={made.token} /></div>
          </MessageBarBody>
        </MessageBar>
      )}
      <Loaded query={tokens} rows={2}>
        {(items) =>
          items.length === 0 ? (
            <p className="quiet">{t.noTokens}</p>
          ) : (
            <div className="table-wrap">
              <table className="table">
                <thead><tr><th>{t.name}</th><th>{t.created}</th><th className="optional">{t.lastUsed}</th><th><span className="visually-hidden">{t.revoke}</span></th></tr></thead>
                <tbody>
                  {items.map((token) => (
                    <tr key={token.id}>
                      <td>{token.name}</td>
                      <td><Ago time={token.created_at} /></td>
                      <td className="optional"><Ago time={token.used_at} /></td>
                      <td className="actions"><Button appearance="subtle" aria-label={`${t.revoke}: ${token.name}`} onClick={() => act(api.delete('/api/tokens/{id}', { path: { id: token.id } }))}>{t.revoke}</Button></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </section>
  );
}
