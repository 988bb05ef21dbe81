/**
 * Makes or repairs a connection; the fields carry the labels that the connector gives them. With OAuth 2.0 a person signs
 * in at the service instead, in a window that is opened for it.
 */
import { Button, Field, Input } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../api/client';
import type { Authentication, Connection, ConnectionBody } from '../api/types';
import { connectionText } from './connection-text';
import { useText } from './language';
import { ProblemBar } from './ProblemBar';
import { openWindow } from './sign-in';
import { SignIn, type Asked } from './SignIn';
import { sharedText } from './text';

/** The host of an address; nothing where it is none. */
function hostOf(address: string | null | undefined): string | null {
  return address && URL.canParse(address) ? new URL(address).host : null;
}

export function ConnectionForm({
  connector,
  authentication,
  connection,
  onDone,
  onCancel,
}: {
  connector: { id: string; name: string };
  authentication: Authentication;
  /** Given when an existing connection is repaired. */
  connection?: Connection;
  onDone: (connection: Connection) => void;
  onCancel?: () => void;
}) {
  const t = useText(connectionText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const [name, setName] = useState(connection?.name ?? connector.name);
  const [username, setUsername] = useState(connection?.username ?? '');
  const [secret, setSecret] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  /** Made by this form, and not signed in yet. */
  const [made, setMade] = useState<Connection | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const oauth = authentication.type === 'oauth2' ? authentication : null;
  const signsIn = oauth !== null && oauth.grant !== 'client_credentials';
  const fresh = () => void client.invalidateQueries({ queryKey: ['connections'] });
  const save = (body: ConnectionBody) => {
    const known = connection ?? made;
    return known ? api.put('/api/connections/{id}', { path: { id: known.id }, body }) : api.post('/api/connections', { body: { connector_id: connector.id, ...body } });
  };
  const signIn = async () => {
    const opened = openWindow();
    setBusy(true);
    setError(null);
    setAsked(null);
    try {
      const known = await save({ name });
      if (!connection) setMade(known);
      const { url } = await api.post('/api/connections/{id}/sign-in', { path: { id: known.id } });
      const before = await api.get('/api/connections/{id}', { path: { id: known.id } });
      setAsked({ before, url, blocked: !opened || opened.closed });
      opened?.location.replace(url);
    } catch (problem) {
      opened?.close();
      setError(problem);
    } finally {
      setBusy(false);
      fresh();
    }
  };
  const cancel = () => {
    setAsked(null);
    if (made) {
      setMade(null);
      void api.delete('/api/connections/{id}', { path: { id: made.id } }).then(fresh, setError);
    }
    onCancel?.();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (signsIn) {
      void signIn();
      return;
    }
    const body: ConnectionBody = { name };
    if (authentication.type === 'basic') {
      body.username = username;
      if (secret || !connection) body.password = secret;
    } else if (authentication.type === 'api_key' && (secret || !connection)) {
      body.api_key = secret;
    }
    setBusy(true);
    setError(null);
    save(body)
      .then(async (saved) => {
        // Nobody signs in, so a test says at once whether the service gives a token.
        if (oauth) await api.post('/api/connections/{id}/test', { path: { id: saved.id } });
        fresh();
        setSecret('');
        onDone(saved);
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const secretHint = connection ? t.unchanged : undefined;
  const host = hostOf(oauth?.authorization_url);
  return (
    <form className="stack" onSubmit={submit} aria-label={connection ? t.repair : t.create}>
      <Field label={t.connectionName} required>
        <Input value={name} onChange={(_, data) => setName(data.value)} autoComplete="off" />
      </Field>
      {authentication.type === 'basic' && (
        <>
          <Field label={authentication.username_label || t.username} required>
            <Input value={username} onChange={(_, data) => setUsername(data.value)} autoComplete="off" />
          </Field>
          <Field label={authentication.password_label || t.password} required={!connection} hint={secretHint}>
            <Input type="password" value={secret} onChange={(_, data) => setSecret(data.value)} autoComplete="new-password" />
          </Field>
        </>
      )}
      {authentication.type === 'api_key' && (
        <Field label={authentication.label || t.apiKey} required={!connection} hint={secretHint}>
          <Input type="password" value={secret} onChange={(_, data) => setSecret(data.value)} autoComplete="new-password" />
        </Field>
      )}
      {oauth && !asked && <p className="quiet">{signsIn ? (host ? t.signInHint(host) : t.signInIncomplete) : t.clientHint}</p>}
      {authentication.type === 'none' && <p className="quiet">{t.noneNeeded}</p>}
      <ProblemBar error={error} />
      {asked ? (
        <SignIn
          key={asked.url}
          asked={asked}
          onDone={(held) => {
            setAsked(null);
            setMade(null);
            fresh();
            onDone(held);
          }}
          onAgain={() => void signIn()}
          onCancel={cancel}
        />
      ) : (
        <div className="commands">
          <Button type="submit" appearance="primary" disabled={busy || !name}>
            {!signsIn ? (connection ? shared.save : t.createAction) : connection?.signed_in_at || connection?.health === 'broken' ? t.signInAgain : t.signIn}
          </Button>
          {(onCancel || made) && <Button onClick={cancel}>{shared.cancel}</Button>}
        </div>
      )}
    </form>
  );
}
