/** The designer's pages: a new flow, from blank, a template or an import; and a stored flow. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { api } from '../../api/client';
import type { Flow } from '../../api/types';
import { getFlow, IMPORTED_KEY } from '../../shared/flow-commands';
import { Loaded } from '../../shared/page';
import { Designer } from './Designer';
import { operationStep } from '../../flow-model/host';
import { notifyAbout, template } from '../../flow-model/templates';
import { connectionKey, editedOf, type Edited } from './state';
import './designer.css';

function imported(): Edited | null {
  const kept = window.sessionStorage.getItem(IMPORTED_KEY);
  return kept ? (JSON.parse(kept) as Edited) : null;
}

/** What is drawn here behaves as in Power Automate: loops run one item after the other. */
const PROFILE = 'pa';

/** A message to the phone about a trigger of a connector, whose connection was chosen already. */
function NotifyPage({ connector: id, connection, operation }: { connector: string; connection: string; operation: string }) {
  const connector = useQuery({ queryKey: ['connectors', id], queryFn: ({ signal }) => api.get('/api/connectors/{id}', { path: { id }, signal }) });
  const initial = useMemo<Edited | null>(() => {
    const trigger = connector.data?.operations.find((item) => item.operation_id === operation && item.role === 'trigger');
    if (!connector.data || !trigger) return null;
    const key = connectionKey(connector.data, {}, []);
    const step = operationStep('trigger', trigger.trigger_kind === 'webhook' ? 'OpenApiConnectionWebhook' : 'OpenApiConnection', id, key, operation);
    return { name: '', definition: notifyAbout(trigger.summary || operation, step, operation), connections: { [key]: { connection_id: connection, connector_id: id } }, profile: PROFILE };
  }, [connector.data, id, connection, operation]);
  return <Loaded query={connector}>{() => (initial ? <Designer initial={initial} stored={null} onStored={() => undefined} opened /> : <BlankPage />)}</Loaded>;
}

function BlankPage({ name }: { name?: string | undefined }) {
  const initial = useMemo<Edited>(() => (name === 'imported' ? imported() : null) ?? { name: '', definition: template(name), connections: {}, profile: PROFILE }, [name]);
  return <Designer key={name ?? 'blank'} initial={initial} stored={null} onStored={() => undefined} />;
}

export function NewFlowPage() {
  const { template: name, connector, connection, operation } = useSearch({ strict: false }) as { template?: string; connector?: string; connection?: string; operation?: string };
  if (name === 'notify' && connector && connection && operation) return <NotifyPage connector={connector} connection={connection} operation={operation} />;
  return <BlankPage name={name} />;
}

function Stored({ flow }: { flow: Flow }) {
  const client = useQueryClient();
  const [stored, setStored] = useState(flow);
  const initial = useMemo(() => editedOf(flow), [flow]);
  useEffect(() => {
    client.setQueryData(['flows', stored.id], stored);
  }, [client, stored]);
  return <Designer key={flow.id} initial={initial} stored={stored} onStored={setStored} />;
}

export function EditFlowPage() {
  const { flow: id } = useParams({ strict: false }) as { flow: string };
  // What others save meanwhile is noticed when saving, not while editing.
  const flow = useQuery({ queryKey: ['designer', id], queryFn: ({ signal }) => getFlow(id, signal), staleTime: 0, gcTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false });
  return <Loaded query={flow}>{(data) => <Stored key={data.id} flow={data} />}</Loaded>;
}
