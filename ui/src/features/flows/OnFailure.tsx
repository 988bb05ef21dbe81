/** What happens when a run of a flow fails: who is told, and which flow runs with what failed. */
import { Button, Checkbox, Field, Input, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../../api/client';
import type { OnFailure as Wanted } from '../../api/types';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { failureText } from './failure-text';

/** So many flows are offered; one that stands in the setting already is offered in any case. */
const FLOWS_MAX = 200;

function Form({ flow, held, saved, setSaved }: { flow: string; held: Wanted; saved: boolean; setSaved: (saved: boolean) => void }) {
  const t = useText(failureText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const [wanted, setWanted] = useState(held);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const flows = useQuery({ queryKey: ['flows', 'names'], queryFn: ({ signal }) => api.get('/api/flows', { query: { limit: FLOWS_MAX }, signal }) });
  const about = useQuery({ queryKey: ['about'], queryFn: ({ signal }) => api.get('/api/about', { signal }), staleTime: 60_000 });
  const others = (flows.data?.items ?? []).filter((other) => other.id !== flow);
  const change = (part: Partial<Wanted>) => {
    setSaved(false);
    setWanted({ ...wanted, ...part });
  };
  const tells = wanted.notify === true || wanted.by_mail === true;
  const save = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    api.put('/api/flows/{id}/on-failure', { path: { id: flow }, body: wanted })
      .then((now) => {
        client.setQueryData(['flows', flow, 'on-failure'], now);
        setSaved(true);
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <form className="stack" onSubmit={save}>
      <div className="stack tight">
        <Checkbox label={t.notify} checked={wanted.notify === true} onChange={(_, data) => change({ notify: data.checked === true })} />
        <Checkbox label={t.byMail} checked={wanted.by_mail === true} onChange={(_, data) => change({ by_mail: data.checked === true })} />
        {wanted.by_mail && about.data?.sends_mail === false && <p className="quiet small">{t.noMail}</p>}
      </div>
      {tells && (
        <Field label={t.minutes} hint={t.minutesHint}>
          <Input type="number" min={0} max={10_080} value={String(wanted.minutes ?? 60)} onChange={(_, data) => change({ minutes: Math.min(10_080, Math.max(0, Math.trunc(Number(data.value)) || 0)) })} />
        </Field>
      )}
      <Field label={t.runFlow} hint={t.runFlowHint}>
        <LongSelect
          empty={t.noFlow}
          value={wanted.run_flow ?? ''}
          options={[...(wanted.run_flow && !others.some((other) => other.id === wanted.run_flow) ? [{ value: wanted.run_flow, title: wanted.run_flow }] : []), ...others.map((other) => ({ value: other.id, title: other.name }))]}
          onChange={(next) => change({ run_flow: next === '' ? null : next })}
        />
      </Field>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <div role="status">{saved && <MessageBar intent="success"><MessageBarBody>{t.saved}</MessageBarBody></MessageBar>}</div>
      <div className="commands"><Button type="submit" disabledFocusable={busy || JSON.stringify(wanted) === JSON.stringify(held)}>{shared.save}</Button></div>
    </form>
  );
}

export function OnFailure({ flow }: { flow: string }) {
  const t = useText(failureText);
  const query = useQuery({ queryKey: ['flows', flow, 'on-failure'], queryFn: ({ signal }) => api.get('/api/flows/{id}/on-failure', { path: { id: flow }, signal }) });
  // Kept here: the form begins anew with what was saved.
  const [saved, setSaved] = useState(false);
  return (
    <section className="panel stack" aria-labelledby="failure-title">
      <h2 id="failure-title">{t.title}</h2>
      <Loaded query={query} rows={3}>{(held) => <Form key={JSON.stringify(held)} flow={flow} held={held} saved={saved} setSaved={setSaved} />}</Loaded>
    </section>
  );
}
