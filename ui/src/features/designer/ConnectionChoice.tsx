/** The connection of a step: choose one, or make one right here. */
import { Field } from '@fluentui/react-components';
import { useState } from 'react';
import type { Connection, ConnectorListed } from '../../api/types';
import { ConnectionForm } from '../../shared/ConnectionForm';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { useConnections, useDesigner } from './context';
import { designerText } from './text';

export function ConnectionChoice({ connectionKey, connector }: { connectionKey: string; connector: ConnectorListed }) {
  const t = useText(designerText);
  const { edited, edit } = useDesigner();
  const connections = useConnections();
  const [creating, setCreating] = useState(false);
  // The list may be older than what was just made.
  const [made, setMade] = useState<Connection | null>(null);
  const listed = (connections.data ?? []).filter((item) => item.connector.id === connector.id);
  const own = made && !listed.some((item) => item.id === made.id) ? [made, ...listed] : listed;
  const chosen = edited.connections[connectionKey]?.connection_id ?? '';
  const choose = (connection: string) =>
    edit((held) => ({ ...held, connections: { ...held.connections, [connectionKey]: { connection_id: connection || null, connector_id: connector.id } } }));
  // Once begun, the form stays: a connection that waits for its sign-in is in the list already.
  const none = connections.isSuccess && own.length === 0;
  if (none && !creating) setCreating(true);
  if (creating) {
    return (
      <section className="stack">
        <h3>{t.newConnection}</h3>
        <ConnectionForm
          connector={connector}
          authentication={connector.authentication}
          onDone={(connection) => {
            setMade(connection);
            choose(connection.id);
            setCreating(false);
          }}
          {...(own.length > 0 ? { onCancel: () => setCreating(false) } : {})}
        />
      </section>
    );
  }
  return (
    <Field label={t.connection} required validationMessage={chosen ? undefined : t.missingConnection}>
      <LongSelect
        empty=""
        value={chosen}
        options={own.map((item) => ({ value: item.id, title: `${item.name}${item.health === 'broken' || item.needs_sign_in ? ' ⚠' : ''}` }))}
        always={[{ value: '$new', title: t.otherConnection }]}
        onChange={(next) => (next === '$new' ? setCreating(true) : choose(next))}
      />
    </Field>
  );
}
