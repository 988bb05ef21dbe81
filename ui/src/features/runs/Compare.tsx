/** Two runs side by side: step by step, and inside of each step where inputs, outputs and errors differ. */
import { Button, Field } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { api } from '../../api/client';
import type { ActionRun, Json, Run } from '../../api/types';
import { titleOf } from '../../flow-model/definition';
import { Ago, CopyButton, Modal, Status } from '../../shared/bits';
import { useLanguage, useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { exact } from '../../shared/time';
import { DIFFERENCES_MAX, differences, type Difference } from './difference';
import { between, durationText } from './duration';
import { runsText } from './text';
import { isCut } from './Value';

/** A value of one side, and how to get it whole where the page has only its size. */
interface Part {
  value: Json | undefined;
  whole: (() => Promise<Json | undefined>) | null;
}

const shown = (value: Json | undefined) => (value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value));
const short = (text: string) => (text.length > 400 ? `${text.slice(0, 400)}…` : text);

function Table({ label, found }: { label: string; found: Difference[] }) {
  const t = useText(runsText);
  return (
    <div className="table-wrap">
      <table className="table compare-values" aria-label={label}>
        <thead><tr><th>{t.where}</th><th>{t.this}</th><th>{t.other}</th></tr></thead>
        <tbody>
          {found.slice(0, DIFFERENCES_MAX).map((one) => (
            <tr key={one.path}>
              <td><code>{one.path || t.whole}</code></td>
              <td data-side={t.this}><code dir="auto">{short(shown(one.ours))}</code></td>
              <td data-side={t.other}><code dir="auto">{short(shown(one.theirs))}</code></td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.length > DIFFERENCES_MAX && <p className="quiet small">{t.moreDifferences(DIFFERENCES_MAX)}</p>}
    </div>
  );
}

/** Where one part of a step differs; large values are fetched when somebody wants to know. */
function PartDifference({ name, ours, theirs }: { name: string; ours: Part; theirs: Part }) {
  const t = useText(runsText);
  const cut = isCut(ours.value) || isCut(theirs.value);
  const [whole, setWhole] = useState<[Json | undefined, Json | undefined] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const found = useMemo(() => (whole ? differences(...whole) : cut ? null : differences(ours.value, theirs.value)), [whole, cut, ours.value, theirs.value]);
  if (found?.length === 0) return whole ? <p className="quiet small">{name}: {t.equal}</p> : null;
  if (found) return <section><h4>{name}</h4><Table label={name} found={found} /></section>;
  const fetchWhole = () => {
    setBusy(true);
    setError(null);
    const side = (part: Part) => (isCut(part.value) && part.whole ? part.whole() : Promise.resolve(part.value));
    Promise.all([side(ours), side(theirs)]).then(setWhole, setError).finally(() => setBusy(false));
  };
  return (
    <section>
      <h4>{name}</h4>
      <Button size="small" disabled={busy} onClick={fetchWhole}>{t.compareLarge}</Button>
      <ProblemBar error={error} />
    </section>
  );
}

const partOf = (run: Run, action: ActionRun | undefined, which: 'inputs' | 'outputs'): Part => ({
  value: action?.[which] ?? undefined,
  whole: action ? () => api.get('/api/runs/{id}/actions/{name}/{which}', { path: { id: run.id, name: action.name, which }, query: { index: action.index.join('-') } }) as Promise<Json | undefined> : null,
});
const given = (run: Run): Part => ({
  value: (run.trigger.outputs as Json | undefined) ?? undefined,
  whole: () => api.get('/api/runs/{id}/trigger/outputs', { path: { id: run.id } }) as Promise<Json | undefined>,
});
const errorOf = (error: { code: string; message: string } | null | undefined): Part => ({ value: error ? { code: error.code, message: error.message } : {}, whole: null });

const differs = (ours: Part, theirs: Part) => isCut(ours.value) || isCut(theirs.value) || differences(ours.value, theirs.value).length > 0;

interface Step {
  name: string;
  title: string;
  ours: { status: ActionRun['status']; took: number | null } | null;
  theirs: { status: ActionRun['status']; took: number | null } | null;
  parts: { key: 'inputs' | 'outputs' | 'error'; ours: Part; theirs: Part }[];
}

function stepsOf(run: Run, other: Run, triggerTitle: string): Step[] {
  const byName = (of: Run) => new Map((of.actions ?? []).map((action) => [action.name, action]));
  const [mine, yours] = [byName(run), byName(other)];
  const side = (action: ActionRun | undefined) => (action ? { status: action.status, took: between(action.started_at, action.ended_at) } : null);
  const trigger = (of: Run) => ({ status: of.trigger.status ?? 'Succeeded', took: null }) as const;
  const first: Step = { name: '$trigger', title: triggerTitle, ours: trigger(run), theirs: trigger(other), parts: [{ key: 'outputs', ours: given(run), theirs: given(other) }] };
  const actions = [...new Set([...mine.keys(), ...yours.keys()])].map((name): Step => {
    const [a, b] = [mine.get(name), yours.get(name)];
    return {
      name,
      title: titleOf(name),
      ours: side(a),
      theirs: side(b),
      parts: [
        { key: 'inputs', ours: partOf(run, a, 'inputs'), theirs: partOf(other, b, 'inputs') },
        { key: 'outputs', ours: partOf(run, a, 'outputs'), theirs: partOf(other, b, 'outputs') },
        { key: 'error', ours: errorOf(a?.error), theirs: errorOf(b?.error) },
      ],
    };
  });
  return [first, ...actions];
}

function Cell({ side }: { side: Step['ours'] }) {
  const t = useText(runsText);
  const { language } = useLanguage();
  return side ? <><Status status={side.status} /> {side.took !== null && <span className="quiet small">{durationText(side.took, language)}</span>}</> : <span className="quiet small">{t.notRunShort}</span>;
}

function Comparison({ run, other }: { run: Run; other: Run }) {
  const t = useText(runsText);
  const steps = useMemo(() => stepsOf(run, other, titleOf(run.trigger.name ?? '')), [run, other]);
  return (
    <>
      {run.version !== other.version && <p className="quiet small">{t.otherVersion(run.version, other.version)}</p>}
      <div className="compare-head" aria-hidden="true"><span>{t.step}</span><span>{t.this}</span><span>{t.other}</span></div>
      <ul className="compare">
        {steps.map((step) => {
          const parts = step.parts.filter((part) => differs(part.ours, part.theirs));
          const different = parts.length > 0 || step.ours?.status !== step.theirs?.status;
          const line = (
            <>
              <span className="compare-name">{different ? <strong>{step.title}</strong> : step.title}</span>
              <span><span className="visually-hidden">{t.this}: </span><Cell side={step.ours} /></span>
              <span><span className="visually-hidden">{t.other}: </span><Cell side={step.theirs} /></span>
              <span className="visually-hidden">{different ? t.different : t.equal}</span>
            </>
          );
          return (
            <li key={step.name} data-differs={different} data-step={step.name}>
              {parts.length === 0 ? (
                <div className="compare-line">{line}</div>
              ) : (
                <details open={parts.some((part) => part.key === 'error')}>
                  <summary className="compare-line">{line}</summary>
                  <div className="stack tight">
                    {parts.map((part) => <PartDifference key={part.key} name={t[part.key]} ours={part.ours} theirs={part.theirs} />)}
                  </div>
                </details>
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** `other` comes from the address, so that a comparison can be shared. */
export function CompareDialog({ run, other: id, onChoose, onClose }: { run: Run; other: string; onChoose: (id: string) => void; onClose: () => void }) {
  const t = useText(runsText);
  const shared = useText(sharedText);
  const { language } = useLanguage();
  const others = useQuery({ queryKey: ['runs', run.flow.id, 'others'], queryFn: ({ signal }) => api.get('/api/runs', { query: { flow: run.flow.id, kind: 'flow', limit: 50 }, signal }) });
  const other = useQuery({ queryKey: ['runs', 'one', id], enabled: id !== '', queryFn: ({ signal }) => api.get('/api/runs/{id}', { path: { id }, signal }) });
  const listed = others.data?.items.filter((item) => item.id !== run.id) ?? [];
  const lastGood = listed.find((item) => item.status === 'Succeeded')?.id;
  const known = id === '' || listed.some((item) => item.id === id);
  return (
    <Modal open wide title={t.compareTitle} onClose={onClose}>
      <Field label={t.compareWith}>
        <LongSelect
          value={id}
          empty={t.choose}
          options={[
            ...(known ? [] : [{ value: id, title: other.data ? exact(other.data.started_at, language) : id }]),
            // What worked last says most about what did not.
            ...[...listed].sort((one, two) => Number(two.id === lastGood) - Number(one.id === lastGood)).map((item) => ({
              value: item.id,
              title: `${item.id === lastGood ? `${t.lastGood}: ` : ''}${[exact(item.started_at, language), shared.status[item.status] ?? item.status, item.trigger.summary].filter(Boolean).join(' · ')}`,
            })),
          ]}
          onChange={onChoose}
        />
      </Field>
      {others.data && listed.length === 0 && <p className="quiet">{t.noOther}</p>}
      {id !== '' && (
        <Loaded query={other}>
          {(data) => (
            <>
              <p className="row small">
                <Link to="/flows/$flow/runs/$run" params={{ flow: data.flow.id, run: data.id }}>{t.openOther}</Link>
                <Ago time={data.started_at} />
                <CopyButton text={window.location.href} label={t.copyComparison} />
              </p>
              <Comparison run={run} other={data} />
            </>
          )}
        </Loaded>
      )}
    </Modal>
  );
}
