/** Runs the stored flow with a past notification or with JSON. */
import { Button, Field, Select, Textarea } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { get } from '../../api/client';
import type { EventSummary, Flow, Json, Page } from '../../api/types';
import { runFlow } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { designerText } from './text';

export function TestPanel({ flow, dirty }: { flow: Flow | null; dirty: boolean }) {
  const t = useText(designerText);
  const navigate = useNavigate();
  const [text, setText] = useState('{}');
  const [error, setError] = useState<unknown>(null);
  const events = useQuery({
    queryKey: ['flows', flow?.id, 'events'],
    enabled: flow !== null,
    queryFn: ({ signal }) => get<Page<EventSummary>>(`/api/flows/${flow?.id}/events`, { limit: 20 }, signal),
  });
  if (!flow) return <p className="quiet">{t.testSave}</p>;
  const take = (id: string) => {
    if (!id) return;
    get<{ body: Json }>(`/api/flows/${flow.id}/events/${id}`)
      .then((event) => setText(JSON.stringify(event.body, null, 2)))
      .catch(setError);
  };
  const run = () => {
    setError(null);
    Promise.resolve()
      .then(() => runFlow(flow.id, JSON.parse(text)))
      .then(({ run: made }) => navigate({ to: '/flows/$flow/runs/$run', params: { flow: flow.id, run: made } }))
      .catch(setError);
  };
  const items = events.data?.items ?? [];
  return (
    <div className="stack">
      {dirty && <p className="quiet">{t.testSave}</p>}
      <Field label={t.testPast} {...(events.isSuccess && items.length === 0 ? { hint: t.noEvents } : {})}>
        <Select disabled={items.length === 0} onChange={(_, data) => take(data.value)} defaultValue="">
          <option value="" />
          {items.map((item) => (
            <option key={item.id} value={item.id}>{`${item.received_at.slice(0, 19).replace('T', ' ')} · ${item.summary}`}</option>
          ))}
        </Select>
      </Field>
      <Field label={t.bodyLabel}>
        <Textarea className="mono" rows={12} resize="vertical" value={text} onChange={(_, data) => setText(data.value)} />
      </Field>
      <ProblemBar error={error ?? events.error} />
      <div className="commands"><Button appearance="primary" onClick={run}>{t.testRun}</Button></div>
    </div>
  );
}
