/** The panel beside the canvas: a card's form, the search, the flow checker, the test. */
import { Button } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import type { Ref } from 'react';
import type { Flow } from '../../api/types';
import type { Finding } from '../../flow-model/checker';
import type { JsonObject } from '../../flow-model/definition';
import type { Position } from '../../flow-model/edits';
import { TRIGGER_ID } from '../../flow-model/layout';
import { useText } from '../../shared/language';
import { CheckerPanel } from './Checker';
import { SearchPanel, type Choice } from './SearchPanel';
import { StepPanel } from './StepPanel';
import { TestPanel } from './TestPanel';
import { designerText } from './text';

export type Side = { show: 'step'; step: string | null } | { show: 'trigger' } | { show: 'action'; position: Position; find?: boolean } | { show: 'checker' } | { show: 'test' };

export function SidePanel({ side, ref, definition, findings, flow, dirty, onChoose, onOpen, onChangeTrigger, onRun, onClose }: {
  side: Side;
  ref: Ref<HTMLElement>;
  definition: JsonObject;
  findings: Finding[];
  flow: Flow | null;
  dirty: boolean;
  /** Something was chosen for the place that the panel searches for. */
  onChoose: (choice: Choice) => void;
  onOpen: (step: string | null) => void;
  onChangeTrigger: () => void;
  onRun: (run: string) => void;
  onClose: () => void;
}) {
  const t = useText(designerText);
  const title = { trigger: t.chooseTrigger, action: t.chooseAction, checker: t.checker, test: t.testTitle, step: t.parameters }[side.show];
  return (
    <aside className={side.show === 'step' ? 'side of-step' : 'side'} aria-label={title} ref={ref} tabIndex={-1}>
      <div className="side-head">
        {side.show !== 'step' && <h2>{title}</h2>}
        <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.closePanel} onClick={onClose} />
      </div>
      {side.show === 'trigger' && <SearchPanel kind="trigger" onChoose={onChoose} />}
      {side.show === 'action' && <SearchPanel kind="action" onChoose={onChoose} {...(side.find ? { steps: definition, onStep: onOpen } : {})} />}
      {side.show === 'checker' && <CheckerPanel findings={findings} onOpen={onOpen} />}
      {side.show === 'test' && <TestPanel flow={flow} dirty={dirty} onRun={onRun} />}
      {side.show === 'step' && <StepPanel key={side.step ?? TRIGGER_ID} step={side.step} onChangeTrigger={onChangeTrigger} />}
    </aside>
  );
}
