/** The designer's pages: a new flow, from blank, a template or an import; and a stored flow. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import type { Flow, ImportedFlow } from '../../api/types';
import { getFlow, IMPORTED_KEY } from '../../shared/flow-commands';
import { Loaded } from '../../shared/page';
import { Designer } from './Designer';
import { editedOf, type Edited } from './state';
import { template } from './templates';
import './designer.css';

function imported(): Edited | null {
  const kept = window.sessionStorage.getItem(IMPORTED_KEY);
  if (!kept) return null;
  const flow = JSON.parse(kept) as ImportedFlow;
  const connections = Object.fromEntries(
    Object.entries(flow.connections ?? {}).map(([key, own]) => [key, { connection_id: null, ...(own.connector_id ? { connector_id: own.connector_id } : {}), ...(own.api ? { api: own.api } : {}) }]),
  );
  return { name: flow.name, definition: flow.definition, connections, parameters: flow.parameters, profile: flow.profile, envelope: flow.envelope };
}

export function NewFlowPage() {
  const search = useSearch({ strict: false }) as { template?: string };
  // What is drawn here behaves as in Power Automate: loops run one item after the other.
  const initial = useMemo<Edited>(() => (search.template === 'imported' ? imported() : null) ?? { ...template(search.template), profile: 'pa' }, [search.template]);
  return <Designer key={search.template ?? 'blank'} initial={initial} stored={null} onStored={() => undefined} />;
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
