/** Runs the stored flow: with a past notification, with JSON, or with the next one that really comes. */
import { Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle, Radio, RadioGroup, Spinner } from '@fluentui/react-components';
import { skipToken, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { api } from '../../api/client';
import type { Flow, Json } from '../../api/types';
import { CopyButton } from '../../shared/bits';
import { runFlow } from '../../shared/flow-commands';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useLanguage, useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { ProblemBar } from '../../shared/ProblemBar';
import { exact } from '../../shared/time';
import { designerText } from './text';

type Way = 'past' | 'json' | 'real';
const ASK_AGAIN_MS = 1_000;
/** Whoever caused an event and sees nothing for so long wants to know why. */
const WAIT_MS = 120_000;

/** Watches for the first run that begins after this was shown; not for ever, and not against anybody's will. */
function Watch({ flow, onRun, onEnd }: { flow: Flow; onRun: (run: string) => void; onEnd: (why: 'stopped' | 'nothing') => void }) {
  const t = useText(designerText);
  const newest = () => api.get('/api/runs', { query: { flow: flow.id, limit: 1 } }).then((page) => page.items[0]?.id ?? null);
  const before = useQuery({ queryKey: ['designer', flow.id, 'newest-before'], queryFn: newest, gcTime: 0, staleTime: Infinity });
  const now = useQuery({ queryKey: ['designer', flow.id, 'newest-now'], queryFn: newest, gcTime: 0, enabled: before.isSuccess, refetchInterval: ASK_AGAIN_MS });
  const came = before.isSuccess && now.data && now.data !== before.data ? now.data : null;
  const report = useRef({ onRun, onEnd });
  useEffect(() => {
    report.current = { onRun, onEnd };
  });
  useEffect(() => {
    if (came) report.current.onRun(came);
  }, [came]);
  useEffect(() => {
    const timer = setTimeout(() => report.current.onEnd('nothing'), WAIT_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <>
      <div className="row no-wrap" role="status">
        <Spinner size="tiny" label={t.testWaiting} />
      </div>
      <div className="commands"><Button onClick={() => onEnd('stopped')}>{t.testStop}</Button></div>
      <ProblemBar error={before.error ?? now.error} />
    </>
  );
}

function WaitForReal({ flow, onRun }: { flow: Flow; onRun: (run: string) => void }) {
  const t = useText(designerText);
  const { language } = useLanguage();
  const [state, setState] = useState<'waiting' | 'came' | 'stopped' | 'nothing'>('waiting');
  if (flow.state !== 'on') return <p className="quiet">{t.testOff} <Link to="/flows/$flow" params={{ flow: flow.id }}>{t.toFlow}</Link></p>;
  const address = flow.webhook?.callback_url;
  return (
    <div className="stack">
      {address && (
        <Field label={t.testAddress}>
          <div className="row no-wrap">
            <Input className="grow mono" readOnly value={address} />
            <CopyButton text={address} />
          </div>
        </Field>
      )}
      {state === 'waiting' ? (
        <Watch
          flow={flow}
          onEnd={setState}
          onRun={(run) => {
            setState('came');
            onRun(run);
          }}
        />
      ) : (
        <>
          {state === 'nothing' && (
            <MessageBar intent="warning" layout="multiline" role="alert">
              <MessageBarBody>
                <MessageBarTitle>{t.testNothing}</MessageBarTitle>
                <p>{t.testNothingHint}</p>
                <p>{flow.webhook?.last_notification_at ? t.testLast(exact(flow.webhook.last_notification_at, language)) : t.testNever}</p>
                <Link to="/flows/$flow" params={{ flow: flow.id }}>{t.toFlow}</Link>
              </MessageBarBody>
            </MessageBar>
          )}
          {state === 'came' && <p role="status">{t.testCame}</p>}
          {state === 'stopped' && <p className="quiet" role="status">{t.testStopped}</p>}
          <div className="commands"><Button appearance="primary" onClick={() => setState('waiting')}>{t.testAgain}</Button></div>
        </>
      )}
    </div>
  );
}

export function TestPanel({ flow, dirty, onRun }: { flow: Flow | null; dirty: boolean; onRun: (run: string) => void }) {
  const t = useText(designerText);
  const { language } = useLanguage();
  const [chose, setWay] = useState<Way | null>(null);
  const [text, setText] = useState('{}');
  const [chosen, setChosen] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const events = useQuery({
    queryKey: ['flows', flow?.id, 'events'],
    queryFn: flow ? ({ signal }) => api.get('/api/flows/{id}/events', { path: { id: flow.id }, query: { limit: 20 }, signal }) : skipToken,
  });
  const items = events.data?.items ?? [];
  // What really came is the best test, and the newest is the likeliest.
  const way: Way = chose ?? (items.length > 0 ? 'past' : 'json');
  const picked = chosen ?? items[0]?.id ?? '';
  const event = useQuery({
    queryKey: ['flows', flow?.id, 'events', picked],
    queryFn: flow && way === 'past' && picked ? ({ signal }) => api.get('/api/flows/{id}/events/{event}', { path: { id: flow.id, event: picked }, signal }).then((held) => ({ ...held, id: picked })) : skipToken,
    staleTime: Infinity,
  });
  const [taken, setTaken] = useState<string | null>(null);
  // Its body goes into the field once; from then on it is what the person makes of it.
  if (event.data && taken !== event.data.id) {
    setTaken(event.data.id);
    setText(JSON.stringify(event.data.body ?? null, null, 2));
  }
  if (!flow) return <p className="quiet">{t.testSave}</p>;
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
        <Radio value="past" label={t.testPast} />
        <Radio value="json" label={t.testJson} />
        <Radio value="real" label={t.testReal} />
      </RadioGroup>
      {way === 'real' ? (
        <WaitForReal flow={flow} onRun={onRun} />
      ) : (
        <>
          {way === 'past' && (
            <Field label={t.testPast} {...(events.isSuccess && items.length === 0 ? { hint: t.noEvents } : {})}>
              <LongSelect
                disabled={items.length === 0}
                value={picked}
                options={items.map((item) => ({ value: item.id, title: [exact(item.received_at, language), item.summary].filter(Boolean).join(' · ') }))}
                onChange={setChosen}
              />
            </Field>
          )}
          <div>
            <div className="field-label">{t.bodyLabel}</div>
            <LazyCodeEditor value={text} onChange={setText} language="json" label={t.bodyLabel} height={320} />
            {!valid && <p className="quiet small">{t.badJson}</p>}
          </div>
          <div className="commands"><Button appearance="primary" disabled={busy || !valid || (way === 'past' && (!picked || taken !== picked))} onClick={run}>{t.testRun}</Button></div>
        </>
      )}
      <ProblemBar error={error ?? events.error ?? event.error} />
    </div>
  );
}
