/** Personal API tokens: shown once when they are made. */
import { Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle, Select } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/client';
import type { ApiToken } from '../../api/types';
import { Ago, CopyButton } from '../../shared/bits';
import { useText } from '../../shared/language';
import { moveBetweenRows, Search, useFilters, withText } from '../../shared/list';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { settingsText } from './text';

/** Shorter lists are seen at a glance. */
const SEARCHED_FROM = 8;

export function Tokens() {
  const t = useText(settingsText);
  const client = useQueryClient();
  const tokens = useQuery({
    queryKey: ['tokens'],
    queryFn: ({ signal }) => api.get('/api/tokens', { signal }).then((page) => page.items),
  });
  const [search, filter] = useFilters<'q'>();
  const [name, setName] = useState('');
  const [days, setDays] = useState('90');
  // When the page was opened: enough to tell which tokens have ended.
  const [now] = useState(Date.now);
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
    const expires = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null;
    act(api.post('/api/tokens', { body: { name, expires_at: expires } }), (token) => {
      setMade(token);
      setName('');
    });
  };
  return (
    <section className="panel stack">
      <form className="row" onSubmit={submit}>
        <Field label={t.tokenName} className="grow"><Input value={name} onChange={(_, data) => setName(data.value)} /></Field>
        <Field label={t.expiry}>
          <Select value={days} onChange={(_, data) => setDays(data.value)}>
            {Object.entries(t.expiries).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
          </Select>
        </Field>
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
            <>
              {(items.length > SEARCHED_FROM || search.q) && <Search value={search.q ?? ''} onSearch={(q) => filter({ q })} label={t.searchTokens} />}
              <div className="table-wrap" onKeyDown={moveBetweenRows}>
                <table className="table" aria-label={t.parts['tokens']}>
                  <thead><tr><th>{t.name}</th><th className="optional">{t.created}</th><th>{t.expires}</th><th className="optional">{t.lastUsed}</th><th><span className="visually-hidden">{t.revoke}</span></th></tr></thead>
                  <tbody>
                    {withText(items, search.q, (token) => token.name).map((token) => (
                      <tr key={token.id}>
                        <td>{token.name}</td>
                        <td className="optional quiet"><Ago time={token.created_at} /></td>
                        <td className="quiet"><span className="narrow-only">{t.expires}: </span>{token.expires_at ? <>{Date.parse(token.expires_at) < now && `${t.ended} `}<Ago time={token.expires_at} /></> : t.neverExpires}</td>
                        <td className="optional quiet">{token.used_at ? <Ago time={token.used_at} /> : t.neverUsed}</td>
                        <td className="actions"><Button data-row appearance="subtle" aria-label={`${t.revoke}: ${token.name}`} onClick={() => act(api.delete('/api/tokens/{id}', { path: { id: token.id } }))}>{t.revoke}</Button></td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {withText(items, search.q, (token) => token.name).length === 0 && <p className="quiet">{t.nothingFound}</p>}
            </>
          )
        }
      </Loaded>
    </section>
  );
}
