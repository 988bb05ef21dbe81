/** How far batches of runs are, wherever one looks: they go on when the page that began them is left. */
import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle, ProgressBar } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../api/client';
import type { RunBatch } from '../api/types';
import { batchText } from './batch-text';
import { useLanguage, useText } from './language';
import { ProblemBar } from './ProblemBar';
import { inLanguage } from './advice';

export const BATCHES_KEY = ['run-batches'];
/** While one works it is asked for this often. */
const LOOK_MS = 700;
/** What ended longer ago than this is not shown any more. */
const SHOWN_MS = 10 * 60_000;
/** Batches whose end was seen and put away, in this tab. */
const SEEN_KEY = 'hookmill-batches-seen';

const seen = (): string[] => (window.sessionStorage.getItem(SEEN_KEY) ?? '').split(',').filter(Boolean);

function Batch({ batch, onDismiss }: { batch: RunBatch; onDismiss: () => void }) {
  const t = useText(batchText);
  const { language } = useLanguage();
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const isWorking = batch.stage === 'working';
  const passed = batch.done + batch.repeated + batch.refused;
  const words = (isWorking ? t.working : t.ended)[batch.action] ?? batch.action;
  const said = t.progress(words, isWorking ? passed : batch.done, batch.total);
  const stop = () => {
    api.post('/api/run-batches/{id}/stop', { path: { id: batch.id } }).then(() => client.invalidateQueries({ queryKey: BATCHES_KEY }), setError);
  };
  return (
    <MessageBar intent={isWorking ? 'info' : batch.refused > 0 || batch.stage === 'stopped' ? 'warning' : 'success'} layout="multiline" data-batch={batch.stage}>
      <MessageBarBody>
        <MessageBarTitle>{said}.</MessageBarTitle> {batch.stage === 'stopped' && t.stopped} {batch.repeated > 0 && t.repeated(batch.repeated)} {batch.and_more && t.andMore}
        {isWorking && <ProgressBar aria-label={said} value={batch.total ? passed / batch.total : 1} thickness="large" />}
        {batch.refused > 0 && (
          <>
            <p>{t.refused(batch.refused)}</p>
            <ul className="diagnostics">
              {batch.refusals.map((refusal) => (
                <li key={refusal.message ?? ''}>
                  {refusal.count} × {refusal.message ? inLanguage({ code: 'not_possible', message: refusal.message }, language).message : t.others}
                  {batch.flow && <> (<Link to="/flows/$flow/runs/$run" params={{ flow: batch.flow, run: refusal.run }}>{t.openRun}</Link>)</>}
                </li>
              ))}
            </ul>
          </>
        )}
        <ProblemBar error={error} />
      </MessageBarBody>
      <MessageBarActions>
        {isWorking ? <Button size="small" onClick={stop}>{t.stop}</Button> : <Button size="small" onClick={onDismiss}>{t.dismiss}</Button>}
      </MessageBarActions>
    </MessageBar>
  );
}

/** With `flow` only the batches of that flow and of several. */
export function Batches({ flow }: { flow?: string }) {
  const t = useText(batchText);
  const batches = useQuery({
    queryKey: BATCHES_KEY,
    queryFn: ({ signal }) => api.get('/api/run-batches', { signal }),
    refetchInterval: (held) => (held.state.data?.items.some((batch) => batch.stage === 'working') ? LOOK_MS : false),
  });
  const [dismissed, setDismissed] = useState(seen);
  const dismiss = (id: string) => {
    const next = [...dismissed, id];
    setDismissed(next);
    window.sessionStorage.setItem(SEEN_KEY, next.slice(-50).join(','));
  };
  const now = batches.dataUpdatedAt;
  const shown = (batches.data?.items ?? []).filter((batch) => (!flow || batch.flow === null || batch.flow === flow) && !dismissed.includes(batch.id) && (batch.ended_at === null || now - Date.parse(batch.ended_at) < SHOWN_MS));
  if (shown.length === 0) return null;
  return <div className="stack tight" role="region" aria-label={t.batches} aria-live="polite">{shown.map((batch) => <Batch key={batch.id} batch={batch} onDismiss={() => dismiss(batch.id)} />)}</div>;
}
