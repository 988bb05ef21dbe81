/** The connection of a step: choose one, or make one right here. */
import type { ConnectorListed } from '../../api/types';
import { ConnectionPicker } from '../../shared/ConnectionPicker';
import { useDesigner } from './context';

export function ConnectionChoice({ connectionKey, connector }: { connectionKey: string; connector: ConnectorListed }) {
  const { edited, edit } = useDesigner();
  const choose = (connection: string) =>
    edit((held) => ({ ...held, connections: { ...held.connections, [connectionKey]: { connection_id: connection || null, connector_id: connector.id } } }));
  return <ConnectionPicker connector={connector} chosen={edited.connections[connectionKey]?.connection_id ?? ''} required onChoose={choose} />;
}
