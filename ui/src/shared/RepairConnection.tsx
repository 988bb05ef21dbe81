/** A connection is mended where its failure is seen: a dialog with its fields. */
import { skipToken, useQuery } from '@tanstack/react-query';
import { api } from '../api/client';
import { Modal } from './bits';
import { ConnectionForm } from './ConnectionForm';
import { connectionText } from './connection-text';
import { useText } from './language';
import { Loaded } from './page';

export function RepairConnection({ connection: id, onDone, onClose }: { connection: string; onDone: () => void; onClose: () => void }) {
  const t = useText(connectionText);
  const connection = useQuery({ queryKey: ['connections', id], queryFn: ({ signal }) => api.get('/api/connections/{id}', { path: { id }, signal }) });
  const connectorId = connection.data?.connector.id;
  const connector = useQuery({ queryKey: ['connectors', connectorId], queryFn: connectorId ? ({ signal }) => api.get('/api/connectors/{id}', { path: { id: connectorId }, signal }) : skipToken });
  return (
    <Modal open title={t.repair} onClose={onClose}>
      <Loaded query={connection} rows={3}>
        {(held) => <Loaded query={connector} rows={3}>{(found) => <ConnectionForm connector={found} connection={held} onDone={onDone} />}</Loaded>}
      </Loaded>
    </Modal>
  );
}
