/** Sign-in with e-mail and password; afterwards back to where the person wanted to go. */
import { Button, Field, Input } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { Problem } from '../../api/client';
import { sessionQuery, setupQuery, signIn } from '../../api/session';
import { useText } from '../../shared/language';
import { GoTo, usePageTitle } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sessionText } from './text';

export function SignInPage() {
  const t = useText(sessionText);
  const search = useSearch({ strict: false }) as { to?: string };
  const client = useQueryClient();
  const navigate = useNavigate();
  const setup = useQuery(setupQuery);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  usePageTitle(t.signIn);
  if (setup.data?.needed) return <GoTo href="/setup" />;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    signIn(email, password)
      .then((session) => {
        client.setQueryData(sessionQuery.queryKey, session);
        // Only paths of this site: an address from the outside must not lead elsewhere after signing in.
        const to = search.to && /^\/(?!\/)/.test(search.to) ? search.to : '/';
        return navigate({ href: to });
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const wrong = error instanceof Problem && error.status === 401;
  return (
    <main className="auth-page">
      <form className="auth-card" onSubmit={submit}>
        <img src="/icons/hookmill.svg" alt="" width={48} height={48} />
        <h1>{t.signInTitle}</h1>
        {wrong ? null : <ProblemBar error={error} />}
        <Field label={t.email} required>
          <Input type="email" value={email} onChange={(_, data) => setEmail(data.value)} autoComplete="username" name="email" />
        </Field>
        <Field label={t.password} required validationMessage={wrong ? t.wrong : undefined}>
          <Input type="password" value={password} onChange={(_, data) => setPassword(data.value)} autoComplete="current-password" name="password" />
        </Field>
        <Button type="submit" appearance="primary" size="large" disabled={busy || !email || !password}>
          {busy ? t.busy : t.signIn}
        </Button>
      </form>
    </main>
  );
}
