/** The wizard of a custom connector: which connector, which part, which place in it. */
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { api } from '../../api/client';
import { Loaded } from '../../shared/page';
import { EditConnector } from './EditConnector';
import { NewConnector } from './NewConnector';
import { PARTS, type Part } from './places';
import './connectors.css';

export function WizardPage() {
  const { connector: id, part: given } = useParams({ strict: false }) as { connector: string; part: string };
  const { at, created } = useSearch({ strict: false }) as { at?: string; created?: string };
  const part: Part = (PARTS as readonly string[]).includes(given) ? (given as Part) : 'general';
  const navigate = useNavigate();
  const onPart = (next: Part, pointer?: string) => void navigate({ to: '/connectors/$connector/$part', params: { connector: id, part: next }, search: pointer ? { at: pointer } : {} });
  const connector = useQuery({
    queryKey: ['connectors', id],
    enabled: id !== 'new',
    queryFn: ({ signal }) => api.get('/api/connectors/{id}', { path: { id }, signal }),
  });
  if (id === 'new') return <NewConnector part={part} onPart={onPart} />;
  if (!connector.data) return <div className="page"><Loaded query={connector}>{() => null}</Loaded></div>;
  return <EditConnector key={connector.data.id} connector={connector.data} part={part} at={typeof at === 'string' ? at : null} isCreated={created === 'yes'} onPart={onPart} />;
}
