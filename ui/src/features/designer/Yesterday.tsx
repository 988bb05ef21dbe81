/** What a field was in the last run, and how often a condition was true in the last runs. */
import { skipToken, useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import { findAction, typeOf, type Json } from '../../flow-model/definition';
import { expressionsOf } from '../../flow-model/references';
import { inOneLine } from '../../flow-model/seen';
import { useText } from '../../shared/language';
import { useSettled } from '../../shared/settled';
import { useDesigner } from './context';
import { filledIn, useLastRun } from './last-run';
import { designerText } from './text';

/** After the last key. */
const PAUSE_MS = 600;
const SHOWN_MAX = 80;
/** So many recorded runs say how often a condition is true. */
const RUNS = 200;

const short = (value: Json | undefined): string | undefined => inOneLine([typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? null)], SHOWN_MAX);

/** “Last run: Kim” below a field with dynamic content. In a loop it is the first item. */
export function LastValue({ value, step }: { value: string; step: string | null }) {
  const t = useText(designerText);
  const { flow, edited } = useDesigner();
  const run = useLastRun(flow).data;
  const asked = useSettled(value, PAUSE_MS);
  const isAsked = !!run && expressionsOf(asked).length > 0;
  const told = useQuery({
    queryKey: ['expressions', 'filled-in', asked, run?.id, step],
    queryFn: isAsked ? async () => (await filledIn(asked, run, edited, step)) ?? null : skipToken,
    staleTime: Infinity,
    retry: false,
  });
  const said = isAsked && asked === value ? short(told.data ?? undefined) : undefined;
  return said === undefined ? null : <p className="quiet small last-value">{t.lastValue(said)}</p>;
}

/** “True for 143 of the last 200 runs”: the condition as it stands, on the recorded runs. Nothing is sent anywhere. */
export function HowOften({ step }: { step: string }) {
  const t = useText(designerText);
  const { flow, edited } = useDesigner();
  const run = useLastRun(flow).data;
  const id = flow?.id;
  const definition = useSettled(edited.definition, 2 * PAUSE_MS);
  const found = findAction(definition, step);
  const isAsked = id !== undefined && !!run && found !== null && typeOf(found.action) === 'If';
  const told = useQuery({
    queryKey: ['flows', id, 'how-often', step, run?.id, JSON.stringify(found?.action['expression']), definition],
    queryFn: isAsked ? ({ signal }) => api.post('/api/flows/{id}/backtest', { path: { id }, body: { definition, last: RUNS }, signal }) : skipToken,
    staleTime: Infinity,
    retry: false,
  });
  const chosen = told.data?.branches[found?.name ?? step];
  if (!told.data || !chosen) return null;
  const yes = chosen['true'] ?? 0;
  const all = yes + (chosen['false'] ?? 0);
  return <p className="quiet small" role="note">{all === told.data.tested ? t.trueForRuns(yes, all) : t.trueTimes(yes, all, told.data.tested)}</p>;
}
