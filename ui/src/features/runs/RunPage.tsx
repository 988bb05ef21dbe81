/** One run on the flow's own cards; the creation of a webhook with its request and answer. */
import { Button, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { ArrowRepeatAllRegular, DismissRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { get, post } from '../../api/client';
import type { ActionRun, Json, Run } from '../../api/types';
import { builtinOf } from '../../flow-model/builtins';
import { emptyDefinition, findAction, titleOf, triggerOf, typeOf } from '../../flow-model/definition';
import { layout, TRIGGER_ID } from '../../flow-model/layout';
import { Ago, CopyButton, Status } from '../../shared/bits';
import { Canvas, type CanvasParts } from '../../shared/canvas/Canvas';
import { pictureColor, StepIcon } from '../../shared/canvas/StepIcon';
import { JsonView } from '../../shared/JsonView';
import { useText } from '../../shared/language';
import { Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { CompareDialog } from './Compare';
import { between, durationText } from './duration';
import { StepDetail, ValueView } from './StepDetail';
import { runsText } from './text';
import './runs.css';

function Exchange({ run }: { run: Run }) {
  const t = useText(runsText);
  return (
    <div className="columns exchange">
      <section className="panel"><h2>{t.request}</h2><JsonView value={run.request as unknown as Json} fileName="request.json" /></section>
      <section className="panel"><h2>{t.response}</h2>{run.response ? <JsonView value={run.response as unknown as Json} fileName="response.json" /> : <p className="quiet">{t.noResponse}</p>}</section>
    </div>
  );
}

function Cards({ run }: { run: Run }) {
  const t = useText(runsText);
  const search = useSearch({ strict: false }) as { step?: string };
  const definition = run.definition ?? emptyDefinition();
  const picture = useMemo(() => layout(definition), [definition]);
  const actions = useMemo(() => new Map((run.actions ?? []).map((action) => [action.name, action])), [run.actions]);
  const failed = (run.actions ?? []).find((action) => action.status === 'Failed' || action.status === 'TimedOut');
  const [selected, setSelected] = useState<string | null | undefined>(search.step ?? failed?.name);
  const inside = (name: string | null) => {
    if (name === null) {
      const trigger = triggerOf(definition);
      return (
        <>
          <StepIcon step={trigger?.trigger ?? null} kind="trigger" />
          <span className="title">{titleOf(trigger?.name ?? '')}<span className="sub">{run.trigger.summary}</span></span>
          <span className="badges"><Status status={(run.trigger.status as ActionRun['status'] | undefined) ?? 'Succeeded'} /></span>
        </>
      );
    }
    const step = findAction(definition, name)?.action ?? null;
    const action = actions.get(name);
    return (
      <>
        <StepIcon step={step} kind="action" />
        <span className="title">
          {titleOf(name)}
          <span className="sub">{action ? durationText(between(action.started_at, action.ended_at)) : typeOf(step ?? {})}{action && (action.repetitions ?? 1) > 1 ? ` · ×${action.repetitions}` : ''}</span>
        </span>
        <span className="badges">{action ? <Status status={action.status} /> : <span className="visually-hidden">{t.notRun}</span>}</span>
      </>
    );
  };
  const parts: CanvasParts = {
    card: inside,
    onOpen: (name) => setSelected(name),
    isSelected: (name) => name === selected,
    describe: (name) => {
      const step = name === null ? triggerOf(definition)?.trigger : findAction(definition, name)?.action;
      const color = pictureColor(step ? builtinOf(step, name === null ? 'trigger' : 'action')?.icon : undefined);
      if (name === null) return { color };
      const action = actions.get(name);
      return { color, className: !action || action.status === 'Skipped' ? 'grey' : action.status === 'Failed' || action.status === 'TimedOut' ? 'bad' : '' };
    },
  };
  return (
    <div className="run-work">
      <Canvas layout={picture} parts={parts} label={t.canvas} focus={selected === undefined ? null : (selected ?? TRIGGER_ID)} />
      {selected !== undefined && (
        <aside className="run-side" aria-label={selected === null ? titleOf(run.trigger.name ?? '') : titleOf(selected)}>
          <div className="side-head row">
            <h2 className="grow">{selected === null ? titleOf(run.trigger.name ?? '') : titleOf(selected)}</h2>
            <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.closePanel} onClick={() => setSelected(undefined)} />
          </div>
          {selected === null ? (
            <section><h3>{t.outputs}</h3><ValueView value={run.trigger.outputs as Json} path={null} name="trigger" /></section>
          ) : (
            <StepDetail key={selected} run={run.id} action={actions.get(selected) ?? null} />
          )}
        </aside>
      )}
    </div>
  );
}

export function RunPage() {
  const t = useText(runsText);
  const { flow: flowId, run: id } = useParams({ strict: false }) as { flow: string; run: string };
  const client = useQueryClient();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [comparing, setComparing] = useState(false);
  const query = useQuery({
    queryKey: ['runs', 'one', id],
    queryFn: ({ signal }) => get<Run>(`/api/runs/${id}`, undefined, signal),
    refetchInterval: (held) => (held.state.data && held.state.data.ended_at === null ? 2_000 : false),
  });
  const again = (what: 'cancel' | 'resubmit' | 'resume', body?: unknown) => {
    setBusy(true);
    setError(null);
    post<{ run: string }>(`/api/runs/${id}/${what}`, body)
      .then(({ run }) => {
        void client.invalidateQueries({ queryKey: ['runs'] });
        if (run !== id) void navigate({ to: '/flows/$flow/runs/$run', params: { flow: flowId, run } });
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const run = query.data;
  const ended = run ? run.ended_at !== null : false;
  const isFlow = run?.kind === 'flow';
  return (
    <Page
      title={run ? `${run.flow.name} · ${t.kinds[run.kind]}` : t.history}
      actions={
        <>
          {isFlow && !ended && <Button disabled={busy} onClick={() => again('cancel')}>{t.cancel}</Button>}
          {isFlow && ended && run.status !== 'Succeeded' && run.status !== 'Skipped' && (
            <Menu>
              <MenuTrigger disableButtonEnhancement><Button appearance="primary" disabled={busy}>{t.resume}</Button></MenuTrigger>
              <MenuPopover>
                <MenuList>
                  <MenuItem onClick={() => again('resume', { version: 'then' })}>{t.resumeThen}</MenuItem>
                  <MenuItem onClick={() => again('resume', { version: 'now' })}>{t.resumeNow}</MenuItem>
                </MenuList>
              </MenuPopover>
            </Menu>
          )}
          {isFlow && ended && <Button icon={<ArrowRepeatAllRegular />} disabled={busy} title={t.resubmitHint} onClick={() => again('resubmit')}>{t.resubmit}</Button>}
          {isFlow && <Button onClick={() => setComparing(true)}>{t.compare}</Button>}
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
              <Status status={data.status} /> <Ago time={data.started_at} /> <span className="quiet">{durationText(data.duration_ms)}</span>
              {data.kind === 'flow' && <span className="quiet">{t.version} {data.version}</span>}
              {data.resubmitted_from && <Link to="/flows/$flow/runs/$run" params={{ flow: flowId, run: data.resubmitted_from }}>{t.parentRun}</Link>}
              <CopyButton text={window.location.href} label={t.copyLink} />
            </p>
            {data.error && (
              <MessageBar intent={data.status === 'Skipped' || data.status === 'Cancelled' ? 'info' : 'error'} layout="multiline">
                <MessageBarBody>
                  <MessageBarTitle>{data.error.code}</MessageBarTitle> {data.error.message}
                  {data.error.hint && <p>{data.error.hint}</p>}
                </MessageBarBody>
              </MessageBar>
            )}
            {data.kind === 'flow' ? data.definition && <Cards key={data.id} run={data} /> : <Exchange run={data} />}
            {comparing && <CompareDialog run={data} onClose={() => setComparing(false)} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}
