/** What stands on a card: icon, name, what it does in a few words, and marks for what is special about it. */
import { ErrorCircleRegular, WarningRegular } from '@fluentui/react-icons';
import { memo, useCallback, useMemo } from 'react';
import type { ActionStatus, ConnectorListed, Run, RunStatus } from '../../api/types';
import { builtinOf } from '../../flow-model/builtins';
import type { Finding } from '../../flow-model/checker';
import { typeOf, type JsonObject } from '../../flow-model/definition';
import { nameOfApi } from '../../flow-model/host';
import { summaryOf } from '../../flow-model/summary';
import { Status } from '../../shared/bits';
import { shownFor } from '../../shared/canvas/folding';
import { pictureColor, StepIcon } from '../../shared/canvas/StepIcon';
import { useLanguage, useText } from '../../shared/language';
import { sharedText } from '../../shared/text';
import { stepOf, useConnectorOf } from './context';
import { Marks } from './Marks';
import type { Edited } from './state';
import { designerText } from './text';

export interface Told {
  className: string;
  color: string;
  mark: Finding['severity'] | undefined;
  connector: ConnectorListed | null;
}

/** Class, colour, connector and mark of each card. */
export function useDescribe({ definition, connections }: Edited, findings: Finding[], run: Run | undefined, folded: ReadonlySet<string>): (name: string | null) => Told {
  const connectorFor = useConnectorOf(connections);
  const marks = useMemo(() => {
    const map = new Map<string | null, Finding['severity']>();
    for (const { step, severity } of findings) {
      // What is closed shows the marks of all that is inside.
      const shown = typeof step === 'string' ? shownFor(definition, folded, step) : step;
      if (shown !== undefined && map.get(shown) !== 'error') map.set(shown, severity);
    }
    return map;
  }, [findings, definition, folded]);
  const statuses = useMemo(() => new Map((run?.actions ?? []).map((action) => [action.name, action.status])), [run]);
  return useCallback(
    (name) => {
      const step = stepOf(definition, name);
      const mark = marks.get(name);
      const connector = connectorFor(step);
      const builtin = step ? builtinOf(step, name === null ? 'trigger' : 'action') : null;
      const status = run && name !== null ? statuses.get(name) : undefined;
      const isGrey = run !== undefined && name !== null && (status === undefined || status === 'Skipped');
      return {
        className: [!step ? 'vacant' : '', mark === 'error' || status === 'Failed' || status === 'TimedOut' ? 'bad' : '', isGrey ? 'grey' : ''].filter(Boolean).join(' '),
        color: connector?.color ?? (builtin ? pictureColor(builtin.icon) : ''),
        mark,
        connector,
      };
    },
    [definition, connectorFor, marks, run, statuses],
  );
}

/** Drawn anew only when something about its own step changes: a large flow has many. */
export const CardFace = memo(function CardFace({ step, title, kind, connector, mark, run }: {
  step: JsonObject | null;
  title: string;
  kind: 'trigger' | 'action';
  connector: ConnectorListed | null;
  mark: Finding['severity'] | undefined;
  run: RunStatus | ActionStatus | null;
}) {
  const t = useText(designerText);
  const shared = useText(sharedText);
  const { language } = useLanguage();
  if (!step) return <><StepIcon step={null} kind={kind} /><span className="title"><strong>{t.triggerPrompt}</strong></span></>;
  const builtin = builtinOf(step, kind);
  const family = connector?.name ?? builtin?.title[language] ?? (nameOfApi(step) || typeOf(step));
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
        <Marks step={step} />
        {mark === 'error' ? <><ErrorCircleRegular className="bad-text" aria-hidden /><span className="visually-hidden">{shared.error}</span></> : mark === 'warning' ? <><WarningRegular className="warn-text" aria-hidden /><span className="visually-hidden">{shared.warning}</span></> : null}
      </span>
    </>
  );
});
