/** Dialogs of the designer: pasting, two versions of one flow, leaving with changes, the keys. */
import { Button, Textarea } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { Flow } from '../../api/types';
import { differences, merged } from '../../flow-model/compare';
import { findAction, titleOf, triggerOf, type Json, type JsonObject } from '../../flow-model/definition';
import { Modal } from '../../shared/bits';
import { getFlow } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import type { Edited } from './state';
import { helpRows } from './shortcuts';
import { designerText } from './text';

export function PasteDialog({ onPaste, onClose }: { onPaste: (text: string) => boolean; onClose: () => void }) {
  const t = useText(designerText);
  const [text, setText] = useState('');
  const [bad, setBad] = useState(false);
  return (
    <Modal open title={t.pasteTitle} onClose={onClose} actions={<Button appearance="primary" onClick={() => setBad(!onPaste(text))}>{t.insert}</Button>}>
      <p>{t.pasteText}</p>
      <Textarea className="mono" rows={10} value={text} aria-label={t.pasteTitle} onChange={(_, data) => setText(data.value)} />
      {bad && <p className="bad-text" role="alert">{t.pasteBad}</p>}
    </Modal>
  );
}

const stepIn = (definition: JsonObject, step: string | null): Json | undefined => (step === null ? triggerOf(definition)?.trigger : findAction(definition, step)?.action);

function Versions({ base, mine, theirs }: { base: Edited; mine: Edited; theirs: JsonObject }) {
  const t = useText(designerText);
  const found = useMemo(() => {
    const steps = new Map<string | null, { mine?: string; theirs?: string }>();
    for (const { step, kind } of differences(base.definition, mine.definition)) steps.set(step, { mine: kind });
    for (const { step, kind } of differences(base.definition, theirs)) steps.set(step, { ...steps.get(step), theirs: kind });
    return [...steps.entries()];
  }, [base, mine, theirs]);
  const show = (definition: JsonObject, step: string | null) => {
    const value = stepIn(definition, step);
    return value === undefined ? '–' : JSON.stringify(value, null, 2);
  };
  if (found.length === 0) return <p className="quiet">{t.conflictSame}</p>;
  return (
    <ul className="versions">
      {found.map(([step, kinds]) => (
        <li key={step ?? '$trigger'}>
          <details>
            <summary>
              <strong>{step === null ? t.trigger : titleOf(step)}</strong>
              {kinds.mine && <span className="quiet">{t.conflictYours(t.changeKinds[kinds.mine] ?? '')}</span>}
              {kinds.theirs && <span className="quiet">{t.conflictOthers(t.changeKinds[kinds.theirs] ?? '')}</span>}
            </summary>
            <div className="columns">
              <section><h3>{t.conflictYour}</h3><pre>{show(mine.definition, step)}</pre></section>
              <section><h3>{t.conflictShow}</h3><pre>{show(theirs, step)}</pre></section>
            </div>
          </details>
        </li>
      ))}
    </ul>
  );
}

/** Somebody stored another version meanwhile: see both, then take one, both, or keep one's own beside it. */
export function ConflictDialog({ flow, base, mine, onTheirs, onMine, onMerged, onCopy, onClose }: {
  flow: string;
  base: Edited;
  mine: Edited;
  onTheirs: (flow: Flow) => void;
  onMine: (flow: Flow) => void;
  onMerged: (definition: JsonObject, flow: Flow) => void;
  onCopy: () => void;
  onClose: () => void;
}) {
  const t = useText(designerText);
  const theirs = useQuery({ queryKey: ['designer', flow, 'theirs'], queryFn: ({ signal }) => getFlow(flow, signal), gcTime: 0 });
  const held = theirs.data;
  const both = useMemo(() => (held?.definition ? merged(base.definition, mine.definition, held.definition) : null), [base, mine, held]);
  return (
    <Modal
      open
      wide
      title={t.conflictTitle}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onCopy}>{t.conflictCopy}</Button>
          <Button disabled={!held} onClick={() => held && onTheirs(held)}>{t.conflictTheirs}</Button>
          <Button appearance={both ? 'secondary' : 'primary'} disabled={!held} onClick={() => held && onMine(held)}>{t.conflictMine}</Button>
          {both && held && <Button appearance="primary" onClick={() => onMerged(both, held)}>{t.conflictMerge}</Button>}
        </>
      }
    >
      <p>{t.conflictText}</p>
      {held && <p className="quiet">{both ? t.conflictCanMerge : t.conflictCannotMerge}</p>}
      <Loaded query={theirs} rows={2}>{(data) => <Versions base={base} mine={mine} theirs={data.definition ?? {}} />}</Loaded>
    </Modal>
  );
}

export function LeaveDialog({ onStay, onLeave }: { onStay: () => void; onLeave: () => void }) {
  const t = useText(designerText);
  return (
    <Modal open title={t.leaveTitle} onClose={onStay} actions={<Button appearance="primary" onClick={onLeave}>{t.leave}</Button>}>
      <p>{t.unsaved}</p>
    </Modal>
  );
}

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const t = useText(designerText);
  return (
    <Modal open textOnly title={t.keys} onClose={onClose}>
      <dl className="facts keys">
        {helpRows(t.keyWords, t.keyNames).map(([keys, does]) => (
          <div key={keys}><dt><kbd>{keys}</kbd></dt><dd>{does}</dd></div>
        ))}
      </dl>
    </Modal>
  );
}
