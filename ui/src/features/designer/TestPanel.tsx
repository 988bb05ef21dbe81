/** Runs the stored flow: with a past notification, with JSON, or with the next one that really comes. */
import { Button, Field, Radio, RadioGroup, Select, Spinner } from '@fluentui/react-components';
import { skipToken, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '../../api/client';
import type { Flow, Json } from '../../api/types';
import { runFlow } from '../../shared/flow-commands';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useLanguage, useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { exact } from '../../shared/time';
import { designerText } from './text';

type Way = 'past' | 'json' | 'real';
const ASK_AGAIN_MS = 1_000;

/** Watches for the first run that begins after this was shown. */
function WaitForReal({ flow, onRun }: { flow: Flow; onRun: (run: string) => void }) {
  const t = useText(designerText);
  const newest = () => api.get('/api/runs', { query: { flow: flow.id, limit: 1 } }).then((page) => page.items[0]?.id ?? null);
  const before = useQuery({ queryKey: ['designer', flow.id, 'newest-before'], queryFn: newest, gcTime: 0, staleTime: Infinity });
  const now = useQuery({ queryKey: ['designer', flow.id, 'newest-now'], queryFn: newest, gcTime: 0, enabled: before.isSuccess, refetchInterval: ASK_AGAIN_MS });
  const came = before.isSuccess && now.data && now.data !== before.data ? now.data : null;
  useEffect(() => {
    if (came) onRun(came);
  }, [came, onRun]);
  if (flow.state !== 'on') return <p className="quiet">{t.testOff}</p>;
  return (
    <div className="row" role="status">
      <Spinner size="tiny" />
      <span>{t.testWaiting}</span>
    </div>
  );
}

export function TestPanel({ flow, dirty, onRun }: { flow: Flow | null; dirty: boolean; onRun: (run: string) => void }) {
  const t = useText(designerText);
  const { language } = useLanguage();
  const [way, setWay] = useState<Way>('json');
  const [text, setText] = useState('{}');
  const [chosen, setChosen] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const events = useQuery({
    queryKey: ['flows', flow?.id, 'events'],
    queryFn: flow ? ({ signal }) => api.get('/api/flows/{id}/events', { path: { id: flow.id }, query: { limit: 20 }, signal }) : skipToken,
  });
  if (!flow) return <p className="quiet">{t.testSave}</p>;
  const items = events.data?.items ?? [];
  const take = (id: string) => {
    setChosen(id);
    if (!id) return;
    api.get('/api/flows/{id}/events/{event}', { path: { id: flow.id, event: id } })
      .then((event) => setText(JSON.stringify(event.body ?? null, null, 2)))
      .catch(setError);
  };
  let body: Json = null;
  let valid = true;
  try {
    body = JSON.parse(text) as Json;
  } catch {
    valid = false;
  }
  const run = () => {
    setError(null);
    setBusy(true);
    runFlow(flow.id, body)
      .then((made) => onRun(made.run))
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <div className="stack">
      {dirty && <p className="quiet">{t.testSave}</p>}
      <RadioGroup value={way} onChange={(_, data) => setWay(data.value as Way)} aria-label={t.testTitle}>
        <Radio value="json" label={t.testJson} />
        <Radio value="past" label={t.testPast} />
        <Radio value="real" label={t.testReal} />
      </RadioGroup>
      {way === 'real' ? (
        <WaitForReal flow={flow} onRun={onRun} />
      ) : (
        <>
          {way === 'past' && (
            <Field label={t.testPast} {...(events.isSuccess && items.length === 0 ? { hint: t.noEvents } : {})}>
              <Select disabled={items.length === 0} onChange={(_, data) => take(data.value)} value={chosen}>
                <option value="" />
                {items.map((item) => (
                  <option key={item.id} value={item.id}>{`${exact(item.received_at, language)} · ${item.summary}`}</option>
                ))}
              </Select>
            </Field>
          )}
          <div>
            <div className="field-label">{t.bodyLabel}</div>
            <LazyCodeEditor value={text} onChange={setText} language="json" label={t.bodyLabel} height={320} />
            {!valid && <p className="quiet small">{t.badJson}</p>}
          </div>
          <div className="commands"><Button appearance="primary" disabled={busy || !valid} onClick={run}>{t.testRun}</Button></div>
        </>
      )}
      <ProblemBar error={error ?? events.error} />
    </div>
  );
}
