/** Chooses a connection of a connector, or makes one right here. */
import { Field } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import type { Authentication, Connection } from '../api/types';
import { ConnectionForm } from './ConnectionForm';
import { connectionText } from './connection-text';
import { useText } from './language';
import { LongSelect } from './LongSelect';

export function useConnections() {
  return useQuery({ queryKey: ['connections', 'all'], queryFn: ({ signal }) => api.get('/api/connections', { query: { limit: 200 }, signal }).then((page) => page.items) });
}

/** With `required` the form of a new connection stands open where there is none yet. */
export function ConnectionPicker({ connector, chosen, required = false, onChoose }: {
  connector: { id: string; name: string; authentication: Authentication };
  chosen: string;
  required?: boolean;
  onChoose: (connection: string) => void;
}) {
  const t = useText(connectionText);
  const connections = useConnections();
  const [creating, setCreating] = useState(false);
  // The list may be older than what was just made.
  const [made, setMade] = useState<Connection | null>(null);
  const listed = (connections.data ?? []).filter((item) => item.connector.id === connector.id);
  const own = made && !listed.some((item) => item.id === made.id) ? [made, ...listed] : listed;
  // Once begun, the form stays: a connection that waits for its sign-in is in the list already.
  const none = connections.isSuccess && own.length === 0;
  if (required && none && !creating) setCreating(true);
  if (creating) {
    return (
      <section className="stack">
        <h3>{t.create}</h3>
        <ConnectionForm
          connector={connector}
          onDone={(connection) => {
            setMade(connection);
            onChoose(connection.id);
            setCreating(false);
          }}
          {...(own.length > 0 || !required ? { onCancel: () => setCreating(false) } : {})}
        />
      </section>
    );
  }
  return (
    <Field label={t.connection} required={required} validationMessage={chosen || !required ? undefined : t.missing}>
      <LongSelect
        empty={required ? '' : t.later}
        value={chosen}
        options={own.map((item) => ({ value: item.id, title: `${item.name}${item.health === 'broken' || item.needs_sign_in ? ' ⚠' : ''}` }))}
        always={[{ value: '$new', title: t.other }]}
        onChange={(next) => (next === '$new' ? setCreating(true) : onChoose(next))}
      />
    </Field>
  );
}
