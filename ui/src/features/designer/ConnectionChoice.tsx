/** The connection of a step: choose one, or make one right here. */
import { Field, Select } from '@fluentui/react-components';
import { useState } from 'react';
import type { ConnectorListed } from '../../api/types';
import { ConnectionForm } from '../../shared/ConnectionForm';
import { useText } from '../../shared/language';
import { useConnections, useDesigner } from './context';
import { designerText } from './text';

export function ConnectionChoice({ connectionKey, connector }: { connectionKey: string; connector: ConnectorListed }) {
  const t = useText(designerText);
  const { edited, edit } = useDesigner();
  const connections = useConnections();
  const [creating, setCreating] = useState(false);
  const own = (connections.data ?? []).filter((item) => item.connector.id === connector.id);
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
          onDone={(made) => {
            choose(made.id);
            setCreating(false);
          }}
          {...(own.length > 0 ? { onCancel: () => setCreating(false) } : {})}
        />
      </section>
    );
  }
  return (
    <Field label={t.connection} required validationMessage={chosen ? undefined : t.missingConnection}>
      <Select value={chosen} onChange={(_, data) => (data.value === '$new' ? setCreating(true) : choose(data.value))}>
        <option value="" />
        {own.map((item) => <option key={item.id} value={item.id}>{item.name}{item.health === 'broken' || item.needs_sign_in ? ' ⚠' : ''}</option>)}
        <option value="$new">{t.otherConnection}</option>
      </Select>
    </Field>
  );
}
