/** Another flow, by the name under which definitions call it. */
import { useQuery } from '@tanstack/react-query';
import { api } from '../../../api/client';
import { useText } from '../../../shared/language';
import { ProblemBar } from '../../../shared/ProblemBar';
import { useDesigner } from '../context';
import { ChoiceValue, type FieldProps } from '../fields';
import { formText } from './text';

const LISTED_MAX = 200;

export function FlowField(props: FieldProps) {
  const t = useText(formText);
  const { flow } = useDesigner();
  const flows = useQuery({ queryKey: ['flows', 'callable'], queryFn: ({ signal }) => api.get('/api/flows', { query: { limit: LISTED_MAX }, signal }) });
  const others = (flows.data?.items ?? []).filter((item) => item.id !== flow?.id);
  return (
    <>
      <ChoiceValue {...props} options={others.map((item) => ({ value: item.name, title: item.name }))} isPending={flows.isPending} hint={flows.data && others.length === 0 ? t.noChildFlows : t.childFlowHint} />
      <ProblemBar error={flows.error} onRetry={() => void flows.refetch()} />
    </>
  );
}
