/** What stands on a card: icon, name, what it does in a few words, and marks for what is special about it. */
import { BeakerRegular, ErrorCircleRegular, LockClosedRegular, WarningRegular } from '@fluentui/react-icons';
import { useMemo } from 'react';
import type { ActionStatus, Run, RunStatus } from '../../api/types';
import { builtinOf } from '../../flow-model/builtins';
import type { Finding } from '../../flow-model/checker';
import { titleOf, triggerOf, typeOf, valueAt, type JsonObject } from '../../flow-model/definition';
import { summaryOf } from '../../flow-model/summary';
import { Status } from '../../shared/bits';
import { pictureColor, StepIcon } from '../../shared/canvas/StepIcon';
import { useLanguage, useText } from '../../shared/language';
import { sharedText } from '../../shared/text';
import { stepOf, useConnections, useConnectors } from './context';
import { connectorOf, type Edited } from './state';
import { designerText } from './text';

export interface Told {
  className: string;
  color: string;
  mark: Finding['severity'] | undefined;
}

const isSecure = (step: JsonObject) => Array.isArray(valueAt(step, ['runtimeConfiguration', 'secureData', 'properties']));
export const hasStaticResult = (step: JsonObject) => valueAt(step, ['runtimeConfiguration', 'staticResult', 'staticResultOptions']) === 'Enabled';

function useConnectorOf(edited: Edited) {
  const known = useConnections().data;
  const connectors = useConnectors().data?.items;
  return (step: JsonObject | null) => {
    const id = connectorOf(step, edited.connections, known ?? []);
    return connectors?.find((item) => item.id === id) ?? null;
  };
}

/** Class, colour and mark of each card. */
export function useDescribe(edited: Edited, findings: Finding[], run: Run | undefined): (name: string | null) => Told {
  const connectorFor = useConnectorOf(edited);
  const marks = useMemo(() => {
    const map = new Map<string | null, Finding['severity']>();
    for (const finding of findings) if (finding.step !== undefined && map.get(finding.step) !== 'error') map.set(finding.step, finding.severity);
    return map;
  }, [findings]);
  const statuses = useMemo(() => new Map((run?.actions ?? []).map((action) => [action.name, action.status])), [run]);
  return (name) => {
    const step = stepOf(edited.definition, name);
    const mark = marks.get(name);
    const builtin = step ? builtinOf(step, name === null ? 'trigger' : 'action') : null;
    const status = run && name !== null ? statuses.get(name) : undefined;
    const isGrey = run !== undefined && name !== null && (status === undefined || status === 'Skipped');
    return {
      className: [!step ? 'empty' : '', mark === 'error' || status === 'Failed' || status === 'TimedOut' ? 'bad' : '', isGrey ? 'grey' : ''].filter(Boolean).join(' '),
      color: connectorFor(step)?.color ?? (builtin ? pictureColor(builtin.icon) : ''),
      mark,
    };
  };
}

export function CardFace({ name, edited, told, run }: { name: string | null; edited: Edited; told: Told; run: RunStatus | ActionStatus | null }) {
  const t = useText(designerText);
  const shared = useText(sharedText);
  const { language } = useLanguage();
  const connectorFor = useConnectorOf(edited);
  const kind = name === null ? 'trigger' : 'action';
  const step = stepOf(edited.definition, name);
  if (!step) return <><StepIcon step={null} kind={kind} /><span className="title"><strong>{t.triggerPrompt}</strong></span></>;
  const title = titleOf(name ?? triggerOf(edited.definition)?.name ?? '');
  const connector = connectorFor(step);
  const builtin = builtinOf(step, kind);
  const family = connector?.name ?? builtin?.title[language] ?? typeOf(step);
  const summary = summaryOf(step, kind, t.operators);
  // A message says more than that it is one; the icon tells that.
  const isSaid = family === title || (builtin?.type === 'OpenApiConnection' && summary !== '');
  const sub = [isSaid ? '' : family, summary].filter(Boolean).join(' · ');
  return (
    <>
      <StepIcon step={step} kind={kind} connector={connector} />
      <span className="title">
        <strong title={title}>{title}</strong>
        {sub && <span className="sub">{sub}</span>}
      </span>
      <span className="badges">
        {run && <Status status={run} />}
        {isSecure(step) && <LockClosedRegular aria-label={t.isSecure} />}
        {hasStaticResult(step) && <BeakerRegular aria-label={t.isStatic} />}
        {told.mark === 'error' ? <><ErrorCircleRegular className="bad-text" aria-hidden /><span className="visually-hidden">{shared.error}</span></> : told.mark === 'warning' ? <><WarningRegular className="warn-text" aria-hidden /><span className="visually-hidden">{shared.warning}</span></> : null}
      </span>
    </>
  );
}
