/** What one step of a run did: inputs, outputs, error with its hint, attempts, repetitions with a pager. */
import { Button, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { keepPreviousData, skipToken, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import type { ActionRun, Attempt, Json } from '../../api/types';
import { emptyOperand } from '../../flow-model/compared';
import type { JsonObject } from '../../flow-model/definition';
import { Status } from '../../shared/bits';
import { useLanguage, useText } from '../../shared/language';
import { Loading } from '../../shared/page';
import { operatorText } from '../../shared/operator-text';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { exact } from '../../shared/time';
import { codeOf, inLanguage } from '../../shared/advice';
import { between, durationText } from './duration';
import { runsText } from './text';
import { MessageView, ValueView } from './Value';

/** Repetitions that are fetched at a time. */
const PAGE = 50;

/** What the step waits for: which attempt comes next and when, why the last one failed, or until when it is put off. */
function Waits({ action }: { action: ActionRun }) {
  const t = useText(runsText);
  const { language } = useLanguage();
  if (action.status !== 'Waiting' || !action.waits_for) return null;
  const until = action.waits_until ? exact(action.waits_until, language) : null;
  const last = action.attempts.at(-1);
  const why = last ? (last.error?.message ?? [last.status, last.code].filter(Boolean).join(' ')) : '';
  const said =
    action.waits_for === 'retry'
      ? t.waitsRetry((last?.retry ?? 0) + 2, (action.retries_max ?? 0) + 1, until ?? '')
      : action.waits_for === 'poll'
        ? t.waitsPoll(until ?? '')
        : action.waits_for === 'callback'
          ? until ? t.waitsCallbackUntil(until) : t.waitsCallback
          : t.waitsDelay(until ?? '');
  return (
    <MessageBar intent="info" layout="multiline">
      <MessageBarBody><strong>{said}</strong>{action.waits_for === 'retry' && why && <p>{t.waitsWhy(why)}</p>}</MessageBarBody>
    </MessageBar>
  );
}

function AttemptList({ attempts, max }: { attempts: Attempt[]; max: number | null }) {
  const t = useText(runsText);
  const { language } = useLanguage();
  return (
    <ol className="attempts">
      {attempts.map((attempt) => (
        <li key={attempt.attempt}>
          <details>
            <summary>
              {max !== null && max > 0 && attempts.every((other, index) => other.retry === index) ? t.attemptOf(attempt.retry + 1, max + 1) : t.attempt(attempt.attempt)} · {attempt.status ?? attempt.code ?? '…'} · {durationText(between(attempt.started_at, attempt.ended_at), language)}
              {attempt.redispatched ? <span className="quiet small"> · {t.sentAgain}</span> : null}
            </summary>
            <p className="quiet small">{exact(attempt.started_at, language)}</p>
            {attempt.error && <p className="bad-text">{attempt.error.message}</p>}
            {attempt.request !== null && attempt.request !== undefined && <section><h3>{t.request}</h3><MessageView value={attempt.request as Json} /></section>}
            {attempt.response !== null && attempt.response !== undefined && <section><h3>{t.response}</h3><MessageView value={attempt.response as Json} /></section>}
          </details>
        </li>
      ))}
    </ol>
  );
}

function One({ run, action, step, cause = null }: { run: string; action: ActionRun; step: JsonObject | null; cause?: string | null }) {
  const t = useText(runsText);
  const { language } = useLanguage();
  const said = action.error && inLanguage(action.error, language);
  const shared = useText(sharedText);
  const operators = useText(operatorText);
  const empty = action.error && step ? emptyOperand(step, action.error.message) : null;
  const place = (which: 'inputs' | 'outputs') => ({ id: run, name: action.name, which, index: action.index });
  const has = (value: Json | undefined) => value !== undefined && value !== null;
  return (
    <div className="stack">
      <div className="row">
        <Status status={action.status} />
        <span className="quiet">{durationText(between(action.started_at, action.ended_at), language)}</span>
        {codeOf(action.code) && action.code !== 'OK' && <code>{action.code}</code>}
        {action.index.length > 1 && <span className="quiet small">{t.iterations(action.index.map((index) => index + 1).join(' › '))}</span>}
      </div>
      <Waits action={action} />
      {action.taken_over && <p className="quiet">{t.takenOver}</p>}
      {action.removed_headers.length > 0 && <p className="quiet">{t.removedHeaders(action.removed_headers.join(', '))}</p>}
      {action.error && (
        <MessageBar intent={action.status === 'Skipped' ? 'info' : 'error'} layout="multiline">
          <MessageBarBody>
            {empty && <p><strong>{operators.wasEmpty(empty.what, operators.operators[empty.operator] ?? empty.operator, empty.isNumber)}</strong></p>}
            {codeOf(action.error.code) && <MessageBarTitle>{action.error.code}</MessageBarTitle>} {cause ?? said?.message}
            {said?.hint && <p><strong>{shared.whatToDo}:</strong> {said.hint}</p>}
          </MessageBarBody>
        </MessageBar>
      )}
      {has(action.inputs) || action.secure_inputs ? (
        <section><h3>{t.inputs}</h3><ValueView value={action.inputs} secure={action.secure_inputs} place={place('inputs')} name={`${action.name}-inputs`} /></section>
      ) : null}
      {has(action.outputs) || action.secure_outputs ? (
        <section><h3>{t.outputs}</h3><ValueView value={action.outputs} secure={action.secure_outputs} place={place('outputs')} name={`${action.name}-outputs`} /></section>
      ) : null}
      {has(action.tracked_properties) && <section><h3>{t.tracked}</h3><ValueView value={action.tracked_properties} name={`${action.name}-tracked`} /></section>}
      {action.attempts.length > 0 && <section><h3>{t.attempts}</h3><AttemptList attempts={action.attempts} max={action.retries_max} /></section>}
    </div>
  );
}

/** Pages through the repetitions of a loop; the address keeps which one is shown. */
function Repetitions({ run, action, step }: { run: string; action: ActionRun; step: JsonObject | null }) {
  const t = useText(runsText);
  const client = useQueryClient();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { step?: string; repetition?: string };
  const total = action.repetitions;
  const path = { id: run, name: action.name };
  // Without one in the address the first that failed is shown, or else the first.
  const wanted = search.repetition === undefined && action.failed_repetitions > 0;
  const failed = useQuery({
    queryKey: ['runs', run, 'repetitions', action.name, 'failed', -1],
    queryFn: wanted ? ({ signal }) => api.get('/api/runs/{id}/actions/{name}/repetitions', { path, query: { failed: true, limit: 1 }, signal }) : skipToken,
  });
  const chosen = wanted ? (failed.data?.items[0]?.place ?? 0) + 1 : Math.trunc(Number(search.repetition)) || 1;
  const at = Math.min(Math.max(1, chosen), total) - 1;
  const [noMore, setNoMore] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const begin = at - (at % PAGE);
  const page = useQuery({
    queryKey: ['runs', run, 'repetitions', action.name, begin],
    queryFn: ({ signal }) => api.get('/api/runs/{id}/actions/{name}/repetitions', { path, query: { limit: PAGE, cursor: String(begin) }, signal }),
    placeholderData: keepPreviousData,
  });
  const current = page.data?.items.find((item) => item.place === at);
  const go = (to: number) => {
    setNoMore(false);
    setError(null);
    void navigate({ to: '.', search: { ...search, step: action.name, repetition: String(to + 1) }, replace: true });
  };
  // The server looks: a loop may have more repetitions than a page could go through.
  const nextFailed = () =>
    client
      .fetchQuery({
        queryKey: ['runs', run, 'repetitions', action.name, 'failed', at],
        queryFn: ({ signal }) => api.get('/api/runs/{id}/actions/{name}/repetitions', { path, query: { failed: true, limit: 1, cursor: String(at + 1) }, signal }),
      })
      .then((found) => (found.items[0] ? go(found.items[0].place) : setNoMore(true)))
      .catch(setError);
  if (wanted && failed.isPending) return <Loading rows={3} />;
  return (
    <div className="stack">
      <div className="row pager" role="group" aria-label={t.repetitions}>
        <Button size="small" disabledFocusable={at === 0} onClick={() => go(at - 1)}>{t.previous}</Button>
        <span aria-live="polite">{t.repetition(at + 1, total)}</span>
        <Button size="small" disabledFocusable={at + 1 >= total} onClick={() => go(at + 1)}>{t.next}</Button>
        {action.failed_repetitions > 0 && <Button size="small" disabledFocusable={at + 1 >= total || noMore} onClick={() => void nextFailed()}>{t.nextFailed}</Button>}
      </div>
      <div role="status">{noMore && <span className="quiet small">{t.noMoreFailed}</span>}</div>
      <ProblemBar error={error ?? page.error} onRetry={() => void page.refetch()} />
      {current ? <One key={at} run={run} action={current} step={step} /> : !page.error && <Loading rows={3} />}
    </div>
  );
}

/** `step`: as the definition of the run has it; `cause`: of a container, what failed inside and why. */
export function StepDetail({ run, action, step, isOver, cause }: { run: string; action: ActionRun | null; step: JsonObject | null; isOver: boolean; cause: string | null }) {
  const t = useText(runsText);
  if (!action) return <p className="quiet">{isOver ? t.notRun : t.notReached}</p>;
  return action.repetitions > 1 ? <Repetitions run={run} action={action} step={step} /> : <One run={run} action={action} step={step} cause={cause} />;
}
