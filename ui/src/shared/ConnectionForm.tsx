/** Makes or repairs a connection; the fields carry the labels that the connector gives them. */
import { Button, Field, Input, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../api/client';
import type { Authentication, Connection, ConnectionBody } from '../api/types';
import { connectionText } from './connection-text';
import { useText } from './language';
import { ProblemBar } from './ProblemBar';
import { sharedText } from './text';

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
  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    const body: ConnectionBody = { name };
    if (authentication.type === 'basic') {
      body.username = username;
      if (secret || !connection) body.password = secret;
    } else if (authentication.type === 'api_key' && (secret || !connection)) {
      body.api_key = secret;
    }
    setBusy(true);
    setError(null);
    (connection ? api.put('/api/connections/{id}', { path: { id: connection.id }, body }) : api.post('/api/connections', { body: { connector_id: connector.id, ...body } }))
      .then((made) => {
        void client.invalidateQueries({ queryKey: ['connections'] });
        setSecret('');
        onDone(made);
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const secretHint = connection ? t.unchanged : undefined;
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
      {authentication.type === 'oauth2' && (
        <MessageBar intent="warning" layout="multiline"><MessageBarBody>{t.oauth}</MessageBarBody></MessageBar>
      )}
      {authentication.type === 'none' && <p className="quiet">{t.noneNeeded}</p>}
      <ProblemBar error={error} />
      <div className="commands">
        <Button type="submit" appearance="primary" disabled={busy || !name || authentication.type === 'oauth2'}>
          {connection ? shared.save : t.createAction}
        </Button>
        {onCancel && <Button onClick={onCancel}>{shared.cancel}</Button>}
      </div>
    </form>
  );
}
