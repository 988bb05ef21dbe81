/** Import of a package: what it needs, what stands in for that, how many steps work then, and the flows themselves. */
import { Button, Checkbox, Field, Input, MessageBar, MessageBarBody, MessageBarTitle, ProgressBar } from '@fluentui/react-components';
import { ArrowUploadRegular } from '@fluentui/react-icons';
import { useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { api, Problem } from '../../api/client';
import type { Connector, Diagnostic, Flow, ImportedFlow } from '../../api/types';
import type { JsonObject } from '../../flow-model/definition';
import { applied, extentOf, needsOf, works, type Choices } from '../../flow-model/imported';
import { IMPORTED_KEY } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { Page } from '../../shared/page';
import { DiagnosticList, ProblemBar } from '../../shared/ProblemBar';
import { NeedPanel } from './NeedPanel';
import { importText } from './text';

/** What became of one flow. */
interface Outcome {
  name: string;
  flow: Flow | null;
  error: unknown;
}

function ChooseFile({ onRead }: { onRead: (flows: ImportedFlow[]) => void }) {
  const t = useText(importText);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [over, setOver] = useState(false);
  const choose = (files: FileList | null) => {
    const [file] = files ?? [];
    if (!file) return;
    setError(null);
    setBusy(true);
    api.post('/api/flows/import', { form: { file } })
      .then(({ further, ...first }) => onRead([first, ...further]))
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <>
      <p>{t.text}</p>
      <div
        className={over ? 'drop over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          choose(event.dataTransfer.files);
        }}
      >
        <ArrowUploadRegular fontSize={32} aria-hidden />
        <p role="status">{busy ? t.reading : t.drop}</p>
        <input type="file" accept=".zip,.json" aria-label={t.choose} onChange={(event) => choose(event.target.files)} />
      </div>
      <ProblemBar error={error} />
    </>
  );
}

function Outcomes({ outcomes }: { outcomes: readonly Outcome[] }) {
  const t = useText(importText);
  return (
    <section className="panel stack" aria-labelledby="created-title">
      <h2 id="created-title">{t.created}</h2>
      <ul className="outcomes">
        {outcomes.map(({ name, flow, error }, index) => (
          <li key={index}>
            {flow ? <Link to="/flows/$flow/edit" params={{ flow: flow.id }}>{flow.name}</Link> : <strong>{name}</strong>}{' '}
            <span className="quiet">{flow ? (flow.state === 'draft' ? t.createdDraft : t.createdOff) : t.failed}</span>
            {flow && flow.state === 'draft' && <DiagnosticList diagnostics={flow.diagnostics.filter((finding) => finding.severity === 'error')} />}
            <ProblemBar error={error} />
          </li>
        ))}
      </ul>
      <Link to="/flows">{t.toFlows}</Link>
    </section>
  );
}

function Mapping({ read, onAnother }: { read: ImportedFlow[]; onAnother: () => void }) {
  const t = useText(importText);
  const navigate = useNavigate();
  const client = useQueryClient();
  const needs = useMemo(() => needsOf(read), [read]);
  const [names, setNames] = useState(() => read.map((flow) => flow.name));
  const [left, setLeft] = useState<readonly number[]>([]);
  // What fits by its name is chosen already.
  const [choices, setChoices] = useState<Choices>(() => ({
    needs: Object.fromEntries(needs.flatMap((need) => (need.connector ? [[need.api, { way: 'connector', connector: need.connector, connection: null }]] : []))),
    steps: {},
  }));
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([]);
  const [working, setWorking] = useState<number | null>(null);
  const connectors = useQuery({ queryKey: ['connectors', 'all'], queryFn: ({ signal }) => api.get('/api/connectors', { query: { limit: 200 }, signal }) });
  const prebuilt = useQuery({ queryKey: ['prebuilt-connectors'], queryFn: ({ signal }) => api.get('/api/prebuilt-connectors', { signal }), staleTime: Infinity });
  const chosen = [...new Set(Object.values(choices.needs).flatMap((choice) => (choice.way === 'connector' ? [choice.connector] : [])))];
  const wholes = useQueries({ queries: chosen.map((id) => ({ queryKey: ['connectors', id], queryFn: ({ signal }: { signal: AbortSignal }) => api.get('/api/connectors/{id}', { path: { id }, signal }) })) });
  const wholeOf = (id: string): Connector | undefined => wholes.find((whole) => whole.data?.id === id)?.data;
  const taken = read.map((_, index) => index).filter((index) => !left.includes(index));
  const shown = read.filter((_, index) => !left.includes(index));
  const shownNeeds = needs.map((need) => ({ ...need, steps: need.steps.filter((step) => !left.includes(step.flow)) })).filter((need) => need.steps.length > 0);
  // Numbers of flows are those of the file; what is left out is empty, not moved.
  const counted = read.map((flow, index) => (left.includes(index) ? { ...flow, definition: {}, diagnostics: [] } : flow));
  const extent = extentOf(counted, shownNeeds, choices, (id) => wholeOf(id)?.operations);
  const open = shownNeeds.filter((need) => (choices.needs[need.api]?.way ?? 'open') === 'open' && need.steps.some((step) => !works(step, need, choices, undefined))).length;
  const findings: Diagnostic[] = shown.flatMap((flow) => flow.diagnostics);
  const inDesigner = (index: number) => {
    const flow = read[index];
    if (!flow) return;
    const { definition, connections } = applied(flow, index, needs, choices);
    window.sessionStorage.setItem(IMPORTED_KEY, JSON.stringify({ name: names[index], definition, connections, parameters: flow.parameters, profile: flow.profile, envelope: flow.envelope }));
    void navigate({ to: '/flows/new', search: { template: 'imported' } });
  };
  const create = async () => {
    const made: Outcome[] = [];
    for (const [at, index] of taken.entries()) {
      setWorking(at);
      const flow = read[index];
      if (!flow) continue;
      const { definition, connections } = applied(flow, index, needs, choices);
      const name = names[index]?.trim() || flow.name;
      const bound = Object.fromEntries(Object.entries(connections).map(([key, own]) => [key, { connection_id: own.connection_id, api: own.api ?? null }]));
      const body = { name, definition, connections: bound, parameters: flow.parameters as JsonObject, profile: flow.profile, envelope: flow.envelope };
      try {
        // Off: nothing starts by itself because somebody imported it.
        made.push({ name, flow: await api.post('/api/flows', { body: { ...body, state: 'off' } }), error: null });
      } catch (refused) {
        const hasFaults = refused instanceof Problem && refused.code === 'definition_invalid';
        const draft = hasFaults ? api.post('/api/flows', { body: { ...body, state: 'draft' } }) : Promise.reject(refused);
        made.push(await draft.then((kept) => ({ name, flow: kept, error: null }), (error: unknown) => ({ name, flow: null, error })));
      }
    }
    setWorking(null);
    setOutcomes(made);
    void client.invalidateQueries({ queryKey: ['flows'] });
  };
  if (outcomes.length > 0) return <Outcomes outcomes={outcomes} />;
  return (
    <>
      <MessageBar intent={extent.works === extent.all ? 'success' : 'warning'} layout="multiline">
        <MessageBarBody>
          <MessageBarTitle>{t.extent(extent.works, extent.all)}.</MessageBarTitle> {open > 0 ? t.openNeeds(open) : extent.works === extent.all ? t.ready : t.mendLater}
        </MessageBarBody>
      </MessageBar>
      <ProgressBar aria-label={t.extent(extent.works, extent.all)} value={extent.all ? extent.works / extent.all : 1} color={extent.works === extent.all ? 'success' : 'warning'} thickness="large" />
      <section className="panel stack" aria-labelledby="flows-title">
        <h2 id="flows-title">{t.flows}</h2>
        {read.map((flow, index) => (
          <div key={index} className="row">
            {read.length > 1 && (
              <Checkbox checked={!left.includes(index)} aria-label={t.take(flow.name)} onChange={(_, data) => setLeft(data.checked ? left.filter((other) => other !== index) : [...left, index])} />
            )}
            <Field className="grow" label={read.length > 1 ? `${t.name} ${index + 1}` : t.name}>
              <Input value={names[index] ?? ''} disabled={left.includes(index)} onChange={(_, data) => setNames(names.map((name, at) => (at === index ? data.value : name)))} />
            </Field>
            {read.length > 1 && <Button disabled={left.includes(index)} onClick={() => inDesigner(index)}>{t.open}</Button>}
          </div>
        ))}
      </section>
      <h2>{t.needs}</h2>
      {shownNeeds.length === 0 && <p className="quiet">{t.noNeeds}</p>}
      <ProblemBar error={connectors.error} onRetry={() => void connectors.refetch()} />
      {shownNeeds.map((need) => {
        const choice = choices.needs[need.api];
        return (
          <NeedPanel
            key={need.api}
            need={need}
            choices={choices}
            flows={names}
            mine={connectors.data?.items ?? []}
            prebuilt={prebuilt.data?.items ?? []}
            connector={choice?.way === 'connector' ? wholeOf(choice.connector) : undefined}
            onChoose={(next) => setChoices((held) => ({ ...held, needs: { ...held.needs, [need.api]: next } }))}
            onSteps={(steps) => setChoices((held) => ({ ...held, steps }))}
          />
        );
      })}
      {findings.length > 0 && (
        <section className="panel" aria-labelledby="findings-title">
          <h2 id="findings-title">{t.findings}</h2>
          <DiagnosticList diagnostics={findings} />
        </section>
      )}
      <div className="commands">
        {read.length === 1 && <Button appearance="primary" disabled={working !== null} onClick={() => inDesigner(0)}>{t.open}</Button>}
        <Button appearance={read.length === 1 ? 'secondary' : 'primary'} disabled={working !== null || taken.length === 0} onClick={() => void create()}>
          {working === null ? t.create(taken.length) : t.creating(working, taken.length)}
        </Button>
        <Button appearance="transparent" onClick={onAnother}>{t.another}</Button>
      </div>
    </>
  );
}

export function ImportPage() {
  const t = useText(importText);
  const [read, setRead] = useState<ImportedFlow[] | null>(null);
  return (
    <Page title={t.title} narrow>
      {read ? <Mapping read={read} onAnother={() => setRead(null)} /> : <ChooseFile onRead={setRead} />}
    </Page>
  );
}
