/** One run on the flow's own cards; the creation of a webhook with its request and answer. */
import { Button, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { ArrowClockwiseRegular, ArrowRepeatAllRegular, DismissRegular, EditRegular, WrenchRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { api } from '../../api/client';
import type { ActionRun, Run } from '../../api/types';
import { builtinOf } from '../../flow-model/builtins';
import { emptyDefinition, findAction, titleOf, triggerOf, type JsonObject } from '../../flow-model/definition';
import { emptyOperand } from '../../flow-model/compared';
import { caseInWords } from '../../flow-model/cases';
import { hostOf } from '../../flow-model/host';
import { layout, TRIGGER_ID } from '../../flow-model/layout';
import { Ago, CopyButton, Status } from '../../shared/bits';
import { Canvas, type CanvasParts } from '../../shared/canvas/Canvas';
import { useFolding } from '../../shared/canvas/folding';
import { pictureColor, StepIcon } from '../../shared/canvas/StepIcon';
import { getFlow, retryWebhook } from '../../shared/flow-commands';
import { useLanguage, useText } from '../../shared/language';
import { useNarrow } from '../../shared/narrow';
import { Loaded, Page } from '../../shared/page';
import { PanelEdge, usePanelWidth } from '../../shared/PanelEdge';
import { operatorText } from '../../shared/operator-text';
import { ProblemBar } from '../../shared/ProblemBar';
import { RepairConnection } from '../../shared/RepairConnection';
import { sharedText } from '../../shared/text';
import { exact } from '../../shared/time';
import { WaitingFor } from '../../shared/WaitingFor';
import { CompareDialog } from './Compare';
import { between, durationText } from './duration';
import { codeOf, inLanguage, inShort } from '../../shared/advice';
import { branchInWords, failedInside, firstFailed, hasFailed, isTaken } from './failed';
import { StepDetail } from './StepDetail';
import { StepList } from './StepList';
import { runsText } from './text';
import { MessageView, ValueView } from './Value';
import './runs.css';

/** What the address says instead of a step's name. */
const TRIGGER_STEP = '$trigger';
const CLOSED = '$none';
/** The other run of a comparison is not chosen yet. */
const CHOOSE = 'choose';

/** What was asked of the service and what it said. A failed creation says what to do, and lets one do it here. */
function Exchange({ run }: { run: Run }) {
  const t = useText(runsText);
  return (
    <div className="columns exchange">
      <section className="panel stack tight" aria-labelledby="request-title">
        <h2 id="request-title">{t.request}</h2>
        <MessageView value={run.request ?? null} />
      </section>
      <section className="panel stack tight" aria-labelledby="response-title">
        <h2 id="response-title">{t.response}</h2>
        {run.response ? <MessageView value={run.response} /> : <p className="quiet">{t.noResponse}</p>}
      </section>
    </div>
  );
}

function Mend({ run, onError }: { run: Run; onError: (error: unknown) => void }) {
  const t = useText(runsText);
  const client = useQueryClient();
  const navigate = useNavigate();
  const id = run.flow.id;
  const flow = useQuery({ queryKey: ['flows', id], queryFn: ({ signal }) => getFlow(id, signal), retry: false });
  const [repairing, setRepairing] = useState(false);
  const [repaired, setRepaired] = useState(false);
  const [busy, setBusy] = useState(false);
  // Nothing can be mended any more once the flow is gone, on, or changed to something else.
  if (!flow.data || flow.data.state !== 'off') return null;
  const host = hostOf(triggerOf(flow.data.definition ?? emptyDefinition())?.trigger);
  const connection = host ? flow.data.connections[host.key]?.connection_id : null;
  const again = () => {
    setBusy(true);
    onError(null);
    retryWebhook(id)
      .then((changed) => {
        void client.invalidateQueries({ queryKey: ['flows'] });
        void client.invalidateQueries({ queryKey: ['runs'] });
        return changed.run ? navigate({ to: '/flows/$flow/runs/$run', params: { flow: id, run: changed.run } }) : navigate({ to: '/flows/$flow/runs', params: { flow: id } });
      })
      .catch(onError)
      .finally(() => setBusy(false));
  };
  return (
    <div className="commands">
      <Button icon={<EditRegular />} onClick={() => void navigate({ to: '/flows/$flow/edit', params: { flow: id } })}>{t.editTrigger}</Button>
      {connection && <Button icon={<WrenchRegular />} onClick={() => setRepairing(true)}>{t.repair}</Button>}
      <Button appearance={repaired ? 'primary' : 'secondary'} icon={<ArrowClockwiseRegular />} disabled={busy} onClick={again}>{busy ? t.trying : t.tryAgain}</Button>
      <span role="status">{repaired && t.repaired}</span>
      {repairing && connection && (
        <RepairConnection
          connection={connection}
          onClose={() => setRepairing(false)}
          onDone={() => {
            setRepairing(false);
            setRepaired(true);
          }}
        />
      )}
    </div>
  );
}

/** The run that this one repeats, by when it began. */
function ParentRun({ flow, run, resumed }: { flow: string; run: string; resumed: boolean }) {
  const t = useText(runsText);
  const { language } = useLanguage();
  const parent = useQuery({ queryKey: ['runs', 'one', run], queryFn: ({ signal }) => api.get('/api/runs/{id}', { path: { id: run }, signal }), retry: false });
  const when = parent.data ? exact(parent.data.started_at, language) : '…';
  return <Link to="/flows/$flow/runs/$run" params={{ flow, run }}>{resumed ? t.resumedFrom(when) : t.parentRun(when)}</Link>;
}

function Cards({ run }: { run: Run }) {
  const t = useText(runsText);
  const operators = useText(operatorText);
  const { language } = useLanguage();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { step?: string };
  const flow = useQuery({ queryKey: ['flows', run.flow.id], queryFn: ({ signal }) => getFlow(run.flow.id, signal), retry: false });
  const connectors = useQuery({ queryKey: ['connectors', 'all'], queryFn: ({ signal }) => api.get('/api/connectors', { query: { limit: 200 }, signal }) });
  const connectorOf = (step: JsonObject | null) => {
    const host = hostOf(step);
    const id = host ? (flow.data?.connections[host.key]?.connector_id ?? host.api) : null;
    return connectors.data?.items.find((item) => item.id === id) ?? null;
  };
  const isNarrow = useNarrow();
  const definition = useMemo(() => run.definition ?? emptyDefinition(), [run.definition]);
  const actions = useMemo(() => new Map((run.actions ?? []).map((action) => [action.name, action])), [run.actions]);
  const failed = useMemo(() => firstFailed(definition, run.actions ?? []), [definition, run.actions]);
  // The address names the step, so that a link leads to it. A failed run opens at what failed.
  const selected = search.step === undefined ? failed?.name : search.step === CLOSED ? undefined : search.step === TRIGGER_STEP ? null : search.step;
  const setSelected = (name: string | null | undefined) =>
    void navigate({ to: '/flows/$flow/runs/$run', params: { flow: run.flow.id, run: run.id }, search: { step: name === null ? TRIGGER_STEP : (name ?? CLOSED) }, replace: true });
  const folding = useFolding(definition, selected, setSelected);
  const picture = useMemo(() => layout(definition, folding.folded), [definition, folding.folded]);
  const panel = usePanelWidth();
  /** Of a container that only tells that something in it failed: what, and why. */
  const causeOf = (name: string): string | null => {
    const own = actions.get(name)?.error;
    if (own?.code !== 'ActionFailed') return null;
    const cause = failedInside(definition, run.actions ?? [], name);
    return cause?.error ? t.stepFailed(titleOf(cause.name), inShort(cause.error, language)) : null;
  };
  const inside = (name: string | null) => {
    if (name === null) {
      const trigger = triggerOf(definition);
      return (
        <>
          <StepIcon step={trigger?.trigger ?? null} kind="trigger" connector={connectorOf(trigger?.trigger ?? null)} />
          <span className="title"><strong>{titleOf(trigger?.name ?? '')}</strong><span className="sub">{run.trigger.summary}</span></span>
          <span className="badges"><Status status={(run.trigger.status as ActionRun['status'] | undefined) ?? 'Succeeded'} /></span>
        </>
      );
    }
    const step = findAction(definition, name)?.action ?? null;
    const action = actions.get(name);
    const family = connectorOf(step)?.name ?? (step ? builtinOf(step, 'action')?.title[language] : undefined) ?? '';
    const empty = step && action?.error ? emptyOperand(step, action.error.message) : null;
    const why = empty ? operators.wasEmpty(empty.what, operators.operators[empty.operator] ?? empty.operator, empty.isNumber) : action && hasFailed(action) && action.error && codeOf(action.error.code) ? inShort(action.error, language) : (causeOf(name) ?? '');
    const branch = action?.branch && step ? t.tookCase(branchInWords(step, action.branch, t.branches)) : '';
    const counted = action && action.repetitions > 1 ? (action.failed_repetitions ? t.someFailed(action.failed_repetitions, action.repetitions) : `×${action.repetitions}`) : '';
    const took = action ? durationText(between(action.started_at, action.ended_at), language) : family;
    return (
      <>
        <StepIcon step={step} kind="action" connector={connectorOf(step)} />
        <span className="title">
          <strong>{titleOf(name)}</strong>
          <span className={why ? 'sub bad-text' : 'sub'} title={why || undefined}>{[why || took, branch, counted].filter(Boolean).join(' · ')}</span>
        </span>
        <span className="badges">{action ? <Status status={hasFailed(action) && action.repetitions > 1 ? 'Failed' : action.status} /> : <span className="visually-hidden">{run.ended_at === null ? t.notReached : t.notRun}</span>}</span>
      </>
    );
  };
  const parts: CanvasParts = {
    card: inside,
    onOpen: (name) => setSelected(name),
    isSelected: (name) => name === selected,
    onFold: folding.fold,
    onFoldAll: folding.foldAll,
    caseValue: (name, label) => caseInWords(findAction(definition, name)?.action, label),
    isTaken: (name, branch) => isTaken(actions.get(name)?.branch, branch),
    describe: (name) => {
      const step = name === null ? triggerOf(definition)?.trigger : findAction(definition, name)?.action;
      const color = connectorOf(step ?? null)?.color ?? pictureColor(step ? builtinOf(step, name === null ? 'trigger' : 'action')?.icon : undefined);
      if (name === null) return { color };
      const action = actions.get(name);
      return { color, className: !action ? 'grey' : hasFailed(action) ? 'bad' : action.status === 'Skipped' ? 'grey' : '' };
    },
  };
  const detail =
    selected === null ? (
      <section><h3>{t.outputs}</h3><ValueView value={run.trigger.outputs} place={{ id: run.id, trigger: true }} name="trigger" /></section>
    ) : selected !== undefined ? (
      <StepDetail key={selected} run={run.id} step={findAction(definition, selected)?.action ?? null} isOver={run.ended_at !== null} action={actions.get(selected) ?? null} cause={causeOf(selected)} />
    ) : null;
  if (isNarrow) {
    return <StepList definition={definition} inside={inside} detail={detail} selected={selected} onOpen={setSelected} caseValue={(name, label) => caseInWords(findAction(definition, name)?.action, label)} isTaken={(name, branch) => isTaken(actions.get(name)?.branch, branch)} label={t.canvas} />;
  }
  return (
    <div className="run-work" style={panel.style}>
      <Canvas layout={picture} parts={parts} label={t.canvas} focus={selected === undefined ? null : (selected ?? TRIGGER_ID)} />
      {selected !== undefined && <PanelEdge width={panel.width} onWidth={panel.setWidth} />}
      {selected !== undefined && (
        <aside className="run-side" aria-label={selected === null ? titleOf(run.trigger.name ?? '') : titleOf(selected)}>
          <div className="side-head row">
            <h2 className="grow">{selected === null ? titleOf(run.trigger.name ?? '') : titleOf(selected)}</h2>
            <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.closePanel} onClick={() => setSelected(undefined)} />
          </div>
          {detail}
        </aside>
      )}
    </div>
  );
}

export function RunPage() {
  const t = useText(runsText);
  const shared = useText(sharedText);
  const { flow: flowId, run: id } = useParams({ strict: false }) as { flow: string; run: string };
  const client = useQueryClient();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const search = useSearch({ strict: false }) as { step?: string; compare?: string };
  const { language } = useLanguage();
  const compare = (other: string | undefined) =>
    void navigate({ to: '.', search: { ...(search.step ? { step: search.step } : {}), ...(other ? { compare: other } : {}) } as never, replace: search.compare !== undefined });
  const query = useQuery({
    queryKey: ['runs', 'one', id],
    queryFn: ({ signal }) => api.get('/api/runs/{id}', { path: { id }, signal }),
    refetchInterval: (held) => (held.state.data && held.state.data.ended_at === null ? 2_000 : false),
  });
  const again = (what: Promise<{ run: string }>) => {
    setBusy(true);
    setError(null);
    what
      .then(({ run }) => {
        void client.invalidateQueries({ queryKey: ['runs'] });
        if (run !== id) void navigate({ to: '/flows/$flow/runs/$run', params: { flow: flowId, run } });
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const run = query.data;
  const flow = useQuery({ queryKey: ['flows', flowId], queryFn: ({ signal }) => getFlow(flowId, signal), retry: false });
  const current = flow.data?.version ?? null;
  const ended = run ? run.ended_at !== null : false;
  const isFlow = run?.kind === 'flow';
  return (
    <Page
      title={run ? `${t.kinds[run.kind]}, ${exact(run.started_at, language)} · ${run.flow.name}` : t.history}
      heading={run ? `${run.flow.name} · ${t.kinds[run.kind]}` : t.history}
      actions={
        <>
          {isFlow && !ended && <Button disabled={busy} onClick={() => again(api.post('/api/runs/{id}/cancel', { path: { id } }))}>{t.cancel}</Button>}
          {isFlow && ended && run.status !== 'Succeeded' && run.status !== 'Skipped' && (
            <Menu>
              <MenuTrigger disableButtonEnhancement><Button appearance="primary" disabled={busy}>{t.resume}</Button></MenuTrigger>
              <MenuPopover>
                <MenuList>
                  <MenuItem onClick={() => again(api.post('/api/runs/{id}/resume', { path: { id }, body: { version: 'then' } }))}>{t.resumeThen(run.version)}</MenuItem>
                  <MenuItem onClick={() => again(api.post('/api/runs/{id}/resume', { path: { id }, body: { version: 'now' } }))}>{t.resumeNow(current)}</MenuItem>
                </MenuList>
              </MenuPopover>
            </Menu>
          )}
          {isFlow && ended && <Button icon={<ArrowRepeatAllRegular />} disabled={busy} title={t.resubmitHint} onClick={() => again(api.post('/api/runs/{id}/resubmit', { path: { id } }))}>{t.resubmit}</Button>}
          {isFlow && <Button onClick={() => compare(CHOOSE)}>{t.compare}</Button>}
          <Button onClick={() => void navigate({ to: '/flows/$flow/runs', params: { flow: flowId } })}>{t.history}</Button>
          <Button onClick={() => void navigate({ to: '/flows/$flow/edit', params: { flow: flowId } })}>{t.editFlow}</Button>
        </>
      }
    >
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <Loaded query={query}>
        {(data) => (
          <>
            <p className="row run-facts" aria-live="polite">
              <Status status={data.status} /> <Ago time={data.started_at} /> <span className="quiet">{durationText(data.duration_ms, language)}</span>
              {data.kind === 'flow' && <span className="quiet">{t.version} {data.version}</span>}
              {data.resubmitted_from && <ParentRun flow={flowId} run={data.resubmitted_from} resumed={(data.actions ?? []).some((action) => action.taken_over)} />}
              <CopyButton text={window.location.href} label={t.copyLink} />
            </p>
            {data.error && (
              <MessageBar intent={data.status === 'Skipped' || data.status === 'Cancelled' ? 'info' : 'error'} layout="multiline">
                <MessageBarBody>
                  <MessageBarTitle>{data.kind === 'flow' ? (codeOf(data.error.code) ?? t.failed) : t.failedKinds[data.kind]}</MessageBarTitle> {inLanguage(data.error, language).message}
                  {inLanguage(data.error, language).hint && <p><strong>{shared.whatToDo}:</strong> {inLanguage(data.error, language).hint}</p>}
                  {data.kind === 'create_webhook' && <Mend run={data} onError={setError} />}
                </MessageBarBody>
              </MessageBar>
            )}
            <WaitingFor services={data.waiting_for} />
            {data.kind === 'flow' ? data.definition && <Cards key={data.id} run={data} /> : <Exchange run={data} />}
            {search.compare !== undefined && <CompareDialog run={data} other={search.compare === CHOOSE ? '' : search.compare} onChoose={(other) => compare(other || CHOOSE)} onClose={() => compare(undefined)} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}
