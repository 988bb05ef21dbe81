/** First run: the owner's account, guarded by the token that the server printed. */
import { Button, Field, Input } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { sessionQuery, setUp, setupQuery } from '../../api/session';
import { useText } from '../../shared/language';
import { usePageTitle } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sessionText } from './text';

export function SetupPage() {
  const t = useText(sessionText);
  const search = useSearch({ strict: false }) as { token?: string };
  const client = useQueryClient();
  const navigate = useNavigate();
  const [form, setForm] = useState({ token: search.token ?? '', name: '', email: '', password: '' });
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  usePageTitle(t.setupTitle);
  const change = (member: keyof typeof form) => (_: unknown, data: { value: string }) => setForm({ ...form, [member]: data.value });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setUp({ ...form, token: form.token.trim() })
      .then((session) => {
        client.setQueryData(setupQuery.queryKey, { needed: false });
        client.setQueryData(sessionQuery.queryKey, session);
        return navigate({ to: '/' });
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <main className="auth-page">
      <form className="auth-card" onSubmit={submit}>
        <img src="/icons/hookmill.svg" alt="" width={48} height={48} />
        <h1>{t.setupTitle}</h1>
        <p className="quiet">{t.setupIntro}</p>
        <ProblemBar error={error} />
        <Field label={t.token} hint={t.tokenHint} required>
          <Input value={form.token} onChange={change('token')} autoComplete="off" name="token" />
        </Field>
        <Field label={t.name} required>
          <Input value={form.name} onChange={change('name')} autoComplete="name" name="name" />
        </Field>
        <Field label={t.email} required>
          <Input type="email" value={form.email} onChange={change('email')} autoComplete="username" name="email" />
        </Field>
        <Field label={t.password} hint={t.passwordHint} required>
          <Input type="password" value={form.password} onChange={change('password')} autoComplete="new-password" name="password" />
        </Field>
        <Button type="submit" appearance="primary" size="large" disabled={busy || !form.token || !form.email || !form.password || !form.name}>
          {busy ? t.busy : t.create}
        </Button>
      </form>
    </main>
  );
}
