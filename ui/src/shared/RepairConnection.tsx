/** A connection is mended where its failure is seen: a dialog with its fields. */
import { useQuery } from '@tanstack/react-query';
import { get } from '../api/client';
import type { Connection, Connector } from '../api/types';
import { Modal } from './bits';
import { ConnectionForm } from './ConnectionForm';
import { connectionText } from './connection-text';
import { useText } from './language';
import { Loaded } from './page';

export function RepairConnection({ connection: id, onDone, onClose }: { connection: string; onDone: () => void; onClose: () => void }) {
  const t = useText(connectionText);
  const connection = useQuery({ queryKey: ['connections', id], queryFn: ({ signal }) => get<Connection>(`/api/connections/${id}`, undefined, signal) });
  const connectorId = connection.data?.connector.id;
  const connector = useQuery({ queryKey: ['connectors', connectorId], enabled: !!connectorId, queryFn: ({ signal }) => get<Connector>(`/api/connectors/${connectorId}`, undefined, signal) });
  return (
    <Modal open title={t.repair} onClose={onClose}>
      <Loaded query={connection} rows={3}>
        {(held) => <Loaded query={connector} rows={3}>{(found) => <ConnectionForm connector={found} authentication={found.authentication} connection={held} onDone={onDone} />}</Loaded>}
      </Loaded>
    </Modal>
  );
}
