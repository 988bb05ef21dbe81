/** The signed-in person's own name, e-mail and password. */
import { Button, Checkbox, Field, Input, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/client';
import { sessionQuery } from '../../api/session';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { settingsText } from './text';

export function Account() {
  const t = useText(settingsText);
  const shared = useText(sharedText);
  const session = useQuery(sessionQuery);
  const client = useQueryClient();
  const user = session.data?.user;
  const [form, setForm] = useState({ name: user?.name ?? '', email: user?.email ?? '', current_password: '', password: '' });
  const [endTokens, setEndTokens] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [saved, setSaved] = useState(false);
  const field = (member: keyof typeof form) => ({
    value: form[member],
    onChange: (_: unknown, data: { value: string }) => setForm({ ...form, [member]: data.value }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    setSaved(false);
    const changes = Object.fromEntries(Object.entries(form).filter(([, value]) => value !== ''));
    api.put('/api/account', { body: { ...changes, ...(form.password && endTokens ? { end_tokens: true } : {}) } })
      .then(() => {
        setSaved(true);
        setForm({ ...form, current_password: '', password: '' });
        setEndTokens(false);
        return client.invalidateQueries({ queryKey: ['session'] });
      })
      .catch(setError);
  };
  return (
    <form className="panel stack" onSubmit={submit}>
      <Field label={t.name}><Input {...field('name')} autoComplete="name" /></Field>
      <Field label={t.email}><Input type="email" {...field('email')} autoComplete="username" /></Field>
      <Field label={t.currentPassword} hint={t.currentPasswordFor}><Input type="password" {...field('current_password')} autoComplete="current-password" /></Field>
      <Field label={t.newPassword} hint={t.keepEmpty}><Input type="password" {...field('password')} autoComplete="new-password" /></Field>
      {form.password && <Checkbox label={t.endTokens} checked={endTokens} onChange={(_, data) => setEndTokens(data.checked === true)} />}
      <ProblemBar error={error} />
      <div role="status">{saved && <MessageBar intent="success"><MessageBarBody>{t.saved}</MessageBarBody></MessageBar>}</div>
      <div className="commands"><Button type="submit" appearance="primary">{shared.save}</Button></div>
    </form>
  );
}
