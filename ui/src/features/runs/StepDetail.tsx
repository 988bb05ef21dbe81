/** What one step of a run did: inputs, outputs, error with its hint, attempts, repetitions with a pager. */
import { Badge, Button, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { skipToken, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api } from '../../api/client';
import type { ActionRun, Attempt, Json } from '../../api/types';
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

/** Where the whole of a value is that a run's answer leaves out. */
interface Place {
  id: string;
  name: string;
  which: 'inputs' | 'outputs';
  index?: string;
}

export function ValueView({ value, secure, place, name }: { value: Json | undefined; secure?: boolean | undefined; place?: Place; name: string }) {
  const shared = useText(sharedText);
  const [wanted, setWanted] = useState(false);
  const whole = useQuery({
    queryKey: ['runs', 'value', place],
    queryFn: place && wanted ? ({ signal }) => api.get('/api/runs/{id}/actions/{name}/{which}', { path: place, query: { index: place.index }, signal }) : skipToken,
  });
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

/** An HTTP request or answer: its line first, then headers and body. */
export function MessageView({ value }: { value: Json }) {
  const t = useText(runsText);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return <JsonView value={value} fileName="message.json" />;
  const { method, uri, url, statusCode, status, headers, body, ...rest } = value;
  const address = uri ?? url;
  const code = statusCode ?? status;
  const has = (part: Json | undefined) => part !== undefined && part !== null && !(typeof part === 'object' && Object.keys(part).length === 0);
  return (
    <div className="stack tight">
      <p className="message-line">
        {method !== undefined && <strong>{String(method)}</strong>} {address !== undefined && <code>{String(address)}</code>}
        {code !== undefined && <Badge size="large" appearance="tint" color={Number(code) < 400 ? 'success' : 'danger'}>{String(code)}</Badge>}
      </p>
      {has(headers) && <section><h3>{t.headers}</h3><JsonView value={headers} fileName="headers.json" /></section>}
      {has(body) ? <section><h3>{t.body}</h3><JsonView value={body} fileName="body.json" /></section> : <p className="quiet small">{t.noBody}</p>}
      {has(rest) && <JsonView value={rest} fileName="message.json" />}
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
            {attempt.request && <MessageView value={attempt.request} />}
          </details>
        </li>
      ))}
    </ol>
  );
}

function One({ run, action }: { run: string; action: ActionRun }) {
  const t = useText(runsText);
  const shared = useText(sharedText);
  const place = (which: Place['which']): Place => ({ id: run, name: action.name, which, index: action.index.join('-') });
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
            {action.error.hint && <p><strong>{shared.whatToDo}:</strong> {action.error.hint}</p>}
          </MessageBarBody>
        </MessageBar>
      )}
      {(action.inputs !== undefined && action.inputs !== null) || action.secure_inputs ? (
        <section><h3>{t.inputs}</h3><ValueView value={action.inputs} secure={action.secure_inputs} place={place('inputs')} name={`${action.name}-inputs`} /></section>
      ) : null}
      {(action.outputs !== undefined && action.outputs !== null) || action.secure_outputs ? (
        <section><h3>{t.outputs}</h3><ValueView value={action.outputs} secure={action.secure_outputs} place={place('outputs')} name={`${action.name}-outputs`} /></section>
      ) : null}
      {action.attempts && action.attempts.length > 0 && <section><h3>{t.attempts}</h3><AttemptList attempts={action.attempts} /></section>}
    </div>
  );
}

/** Pages through the repetitions of a loop; the address keeps which one is shown. */
function Repetitions({ run, action }: { run: string; action: ActionRun }) {
  const t = useText(runsText);
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { step?: string; repetition?: string };
  const total = action.repetitions ?? 1;
  const at = Math.min(Math.max(1, Number(search.repetition) || 1), total) - 1;
  const [noMore, setNoMore] = useState(false);
  const pages = useInfiniteQuery({
    queryKey: ['runs', run, 'repetitions', action.name],
    queryFn: ({ pageParam, signal }) => api.get('/api/runs/{id}/actions/{name}/repetitions', { path: { id: run, name: action.name }, query: { limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const { hasNextPage, isFetching, fetchNextPage } = pages;
  const items = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const missing = at >= items.length && hasNextPage && !isFetching;
  useEffect(() => {
    if (missing) void fetchNextPage();
  }, [missing, fetchNextPage]);
  const go = (to: number) => {
    setNoMore(false);
    void navigate({ to: '.', search: { ...search, step: action.name, repetition: String(to + 1) }, replace: true });
  };
  const isBad = (item: ActionRun) => item.status === 'Failed' || item.status === 'TimedOut';
  const nextFailed = async () => {
    let known = items;
    let more = hasNextPage;
    for (;;) {
      const found = known.findIndex((item, index) => index > at && isBad(item));
      if (found >= 0) return go(found);
      if (!more) return setNoMore(true);
      const fetched = await fetchNextPage();
      if (fetched.isError) return undefined;
      known = fetched.data?.pages.flatMap((page) => page.items) ?? known;
      more = fetched.hasNextPage;
    }
  };
  const current = items[at];
  return (
    <div className="stack">
      <div className="row pager" role="group" aria-label={t.repetitions}>
        <Button size="small" disabled={at === 0} onClick={() => go(at - 1)}>{t.previous}</Button>
        <span aria-live="polite">{t.repetition(at + 1, total)}</span>
        <Button size="small" disabled={at + 1 >= total} onClick={() => go(at + 1)}>{t.next}</Button>
        <Button size="small" disabled={at + 1 >= total || noMore} onClick={() => void nextFailed()}>{t.nextFailed}</Button>
      </div>
      <div role="status">{noMore && <span className="quiet small">{t.noMoreFailed}</span>}</div>
      <ProblemBar error={pages.error} onRetry={() => void pages.refetch()} />
      {current ? <One key={at} run={run} action={current} /> : !pages.error && <Loading rows={3} />}
    </div>
  );
}

export function StepDetail({ run, action }: { run: string; action: ActionRun | null }) {
  const t = useText(runsText);
  if (!action) return <p className="quiet">{t.notRun}</p>;
  return (action.repetitions ?? 1) > 1 ? <Repetitions run={run} action={action} /> : <One run={run} action={action} />;
}
