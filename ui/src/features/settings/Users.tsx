/** The people of this server, for its owner. */
import { Button, Field, Input, Select } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/client';
import { sessionQuery } from '../../api/session';
import type { User } from '../../api/types';
import { useText } from '../../shared/language';
import { moveBetweenRows, Search, useFilters, withText } from '../../shared/list';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { settingsText } from './text';

const EMPTY = { name: '', email: '', password: '', role: 'member' as User['role'] };

/** Shorter lists are seen at a glance. */
const SEARCHED_FROM = 8;

export function Users() {
  const t = useText(settingsText);
  const client = useQueryClient();
  const [search, filter] = useFilters<'q'>();
  const session = useQuery(sessionQuery);
  const isOwner = session.data?.user.role === 'owner';
  const users = useQuery({
    queryKey: ['users'],
    enabled: isOwner,
    queryFn: ({ signal }) => api.get('/api/users', { signal }).then((page) => page.items),
  });
  const [form, setForm] = useState(EMPTY);
  const [error, setError] = useState<unknown>(null);
  if (!isOwner) return <p className="panel quiet">{t.ownersOnly}</p>;
  const act = (what: Promise<unknown>, done?: () => void) => {
    setError(null);
    what
      .then(done)
      .catch(setError)
      .finally(() => void client.invalidateQueries({ queryKey: ['users'] }));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    act(api.post('/api/users', { body: form }), () => setForm(EMPTY));
  };
  const field = (member: keyof typeof EMPTY) => ({
    value: form[member],
    onChange: (_: unknown, data: { value: string }) => setForm({ ...form, [member]: data.value }),
  });
  const roles: Record<string, string> = { owner: t.owner, member: t.member };
  return (
    <>
      <section className="panel">
        <Loaded query={users} rows={2}>
          {(items) => (
            <div className="stack">
              {(items.length > SEARCHED_FROM || search.q) && <Search value={search.q ?? ''} onSearch={(q) => filter({ q })} label={t.searchUsers} />}
              <div className="table-wrap" onKeyDown={moveBetweenRows}>
                <table className="table" aria-label={t.parts['users']}>
                  <thead><tr><th>{t.name}</th><th>{t.email}</th><th>{t.role}</th><th><span className="visually-hidden">{t.remove}</span></th></tr></thead>
                  <tbody>
                    {withText(items, search.q, (user) => `${user.name} ${user.email}`).map((user) => (
                      <tr key={user.id}>
                        <td><span data-row tabIndex={0}>{user.name}</span></td>
                        <td>{user.email}</td>
                        <td>{roles[user.role] ?? user.role}</td>
                        <td className="actions">
                          {user.id !== session.data?.user.id && <Button appearance="subtle" aria-label={`${t.remove}: ${user.name}`} onClick={() => act(api.delete('/api/users/{id}', { path: { id: user.id } }))}>{t.remove}</Button>}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              {withText(items, search.q, (user) => `${user.name} ${user.email}`).length === 0 && <p className="quiet">{t.nothingFound}</p>}
            </div>
          )}
        </Loaded>
      </section>
      <form className="panel stack" onSubmit={submit}>
        <h2>{t.newUser}</h2>
        <Field label={t.name} required><Input {...field('name')} /></Field>
        <Field label={t.email} required><Input type="email" {...field('email')} /></Field>
        <Field label={t.password} required><Input type="password" {...field('password')} autoComplete="new-password" /></Field>
        <Field label={t.role}>
          <Select {...field('role')}>
            <option value="member">{t.member}</option>
            <option value="owner">{t.owner}</option>
          </Select>
        </Field>
        <ProblemBar error={error} />
        <div className="commands"><Button type="submit" appearance="primary" disabled={!form.email || !form.password}>{t.newUser}</Button></div>
      </form>
    </>
  );
}
