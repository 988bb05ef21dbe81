/** The tags of one flow, or tags to add to several. */
import { Button, Field, Input } from '@fluentui/react-components';
import { useState } from 'react';
import type { FlowListed } from '../../api/types';
import { Modal } from '../../shared/bits';
import { tag } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { tagsFrom } from './sorting';
import { flowsText } from './text';

export function TagsDialog({ flows, known, onDone, onClose }: { flows: readonly FlowListed[]; known: readonly string[]; onDone: () => void; onClose: () => void }) {
  const t = useText(flowsText);
  const shared = useText(sharedText);
  const [only] = flows.length === 1 ? flows : [];
  const [text, setText] = useState(only ? only.tags.join(', ') : '');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const typed = tagsFrom(text);
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      for (const flow of flows) await tag(flow.id, only ? typed : [...new Set([...flow.tags, ...typed])]);
      onDone();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal open title={only ? t.tagsOf(only.name) : t.addTags(flows.length)} onClose={onClose} actions={<Button appearance="primary" disabled={busy || (!only && typed.length === 0)} onClick={() => void save()}>{shared.save}</Button>}>
      <Field label={t.tags} hint={t.tagsHint}>
        <Input value={text} onChange={(_, data) => setText(data.value)} />
      </Field>
      {known.some((one) => !typed.includes(one)) && (
        <div className="row" role="group" aria-label={t.knownTags}>
          {known.filter((one) => !typed.includes(one)).map((one) => <Button key={one} size="small" shape="circular" onClick={() => setText([...typed, one].join(', '))}>{one}</Button>)}
        </div>
      )}
      <ProblemBar error={error} />
    </Modal>
  );
}
