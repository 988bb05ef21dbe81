/** What one step of a run did: inputs, outputs, error with its hint, attempts, repetitions with a pager. */
import { Button, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get } from '../../api/client';
import type { ActionRun, Attempt, Json, Page } from '../../api/types';
import { Status } from '../../shared/bits';
import { JsonView } from '../../shared/JsonView';
import { useText } from '../../shared/language';
import { Loading } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { between, durationText } from './duration';
import { runsText } from './text';

const PAGE = 100;

interface Cut {
  $truncated: true;
  bytes: number;
}
const isCut = (value: Json | undefined): value is Json & Cut => typeof value === 'object' && value !== null && !Array.isArray(value) && value['$truncated'] === true;

export function ValueView({ value, secure, path, name }: { value: Json | undefined; secure?: boolean | undefined; path: string | null; name: string }) {
  const shared = useText(sharedText);
  const [wanted, setWanted] = useState(false);
  const whole = useQuery({ queryKey: ['runs', 'value', path], enabled: wanted && path !== null, queryFn: ({ signal }) => get<Json>(path ?? '', undefined, signal) });
  if (secure) return <p className="quiet">{shared.hidden}</p>;
  if (!isCut(value)) return <JsonView value={value} fileName={`${name}.json`} />;
  if (whole.data !== undefined) return <JsonView value={whole.data} fileName={`${name}.json`} />;
  return (
    <div className="row">
      <span className="quiet">{shared.truncated(Math.ceil(value.bytes / 1024))}</span>
      <Button size="small" disabled={whole.isFetching} onClick={() => setWanted(true)}>{shared.loadValue}</Button>
      <ProblemBar error={whole.error} />
    </div>
  );
}

function AttemptList({ attempts }: { attempts: Attempt[] }) {
  const t = useText(runsText);
  return (
    <ol className="attempts">
      {attempts.map((attempt) => (
        <li key={attempt.attempt}>
          <details>
            <summary>
              {t.attempt(attempt.attempt)} · {attempt.code ?? attempt.status ?? '…'} · {durationText(between(attempt.started_at, attempt.ended_at))}
              {attempt.redispatched ? <span className="quiet small"> · {t.sentAgain}</span> : null}
            </summary>
            {attempt.error && <p className="bad-text">{attempt.error.message}</p>}
            {attempt.request && <JsonView value={attempt.request as unknown as Json} fileName="request.json" />}
          </details>
        </li>
      ))}
    </ol>
  );
}

function One({ run, action }: { run: string; action: ActionRun }) {
  const t = useText(runsText);
  const index = action.index?.length ? `?index=${action.index.join('-')}` : '';
  const base = `/api/runs/${run}/actions/${encodeURIComponent(action.name)}`;
  return (
    <div className="stack">
      <div className="row">
        <Status status={action.status} />
        <span className="quiet">{durationText(between(action.started_at, action.ended_at))}</span>
        {action.code && <code>{action.code}</code>}
      </div>
      {action.taken_over && <p className="quiet">{t.takenOver}</p>}
      {action.error && (
        <MessageBar intent={action.status === 'Skipped' ? 'info' : 'error'} layout="multiline">
          <MessageBarBody>
            <MessageBarTitle>{action.error.code}</MessageBarTitle> {action.error.message}
            {action.error.hint && <p className="quiet">{action.error.hint}</p>}
          </MessageBarBody>
        </MessageBar>
      )}
      {(action.inputs !== undefined && action.inputs !== null) || action.secure_inputs ? (
        <section><h3>{t.inputs}</h3><ValueView value={action.inputs} secure={action.secure_inputs} path={`${base}/inputs${index}`} name={`${action.name}-inputs`} /></section>
      ) : null}
      {(action.outputs !== undefined && action.outputs !== null) || action.secure_outputs ? (
        <section><h3>{t.outputs}</h3><ValueView value={action.outputs} secure={action.secure_outputs} path={`${base}/outputs${index}`} name={`${action.name}-outputs`} /></section>
      ) : null}
      {action.attempts && action.attempts.length > 0 && <section><h3>{t.attempts}</h3><AttemptList attempts={action.attempts} /></section>}
    </div>
  );
}

function Repetitions({ run, action }: { run: string; action: ActionRun }) {
  const t = useText(runsText);
  const [at, setAt] = useState(0);
  const total = action.repetitions ?? 1;
  const pages = useInfiniteQuery({
    queryKey: ['runs', run, 'repetitions', action.name],
    queryFn: ({ pageParam, signal }) => get<Page<ActionRun>>(`/api/runs/${run}/actions/${encodeURIComponent(action.name)}/repetitions`, { limit: PAGE, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const items = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const go = (to: number) => {
    setAt(to);
    if (to >= items.length - 1 && pages.hasNextPage && !pages.isFetchingNextPage) void pages.fetchNextPage();
  };
  const current = items[at];
  const failed = items.findIndex((item, index) => index > at && (item.status === 'Failed' || item.status === 'TimedOut'));
  return (
    <div className="stack">
      <div className="row pager" role="group" aria-label={t.repetition(at + 1, total)}>
        <Button size="small" disabled={at === 0} onClick={() => go(at - 1)}>{t.previous}</Button>
        <span aria-live="polite">{t.repetition(at + 1, total)}</span>
        <Button size="small" disabled={at + 1 >= total} onClick={() => go(at + 1)}>{t.next}</Button>
        <Button size="small" disabled={failed < 0} onClick={() => go(failed)}>{t.nextFailed}</Button>
      </div>
      <ProblemBar error={pages.error} onRetry={() => void pages.refetch()} />
      {current ? <One run={run} action={current} /> : <Loading rows={3} />}
    </div>
  );
}

export function StepDetail({ run, action }: { run: string; action: ActionRun | null }) {
  const t = useText(runsText);
  if (!action) return <p className="quiet">{t.notRun}</p>;
  return (action.repetitions ?? 1) > 1 ? <Repetitions run={run} action={action} /> : <One run={run} action={action} />;
}
