/** What can be done with the chosen flows together; it says how far it is and what did not work. */
import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useState } from 'react';
import { Problem } from '../../api/client';
import type { FlowListed } from '../../api/types';
import { Confirm } from '../../shared/bits';
import { deleteFlow, turn } from '../../shared/flow-commands';
import { problemInWords } from '../../shared/codes';
import { useLanguage, useText } from '../../shared/language';
import { sharedText } from '../../shared/text';
import { TagsDialog } from './TagsDialog';
import { flowsText } from './text';

/** As many flows as one file takes. */
const EXPORTED_MAX = 500;

interface Failure {
  name: string;
  why: string;
}

export function BulkBar({ flows, known, onDone, onClear }: { flows: readonly FlowListed[]; known: readonly string[]; onDone: () => void; onClear: () => void }) {
  const t = useText(flowsText);
  const { language } = useLanguage();
  const shared = useText(sharedText);
  const [at, setAt] = useState<{ verb: string; done: number } | null>(null);
  const [failures, setFailures] = useState<readonly Failure[]>([]);
  const [told, setTold] = useState('');
  const [tagging, setTagging] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const each = async (verb: string, act: (flow: FlowListed) => Promise<unknown>) => {
    const failed: Failure[] = [];
    setTold('');
    setFailures([]);
    for (const [done, flow] of flows.entries()) {
      setAt({ verb, done });
      await act(flow).catch((error: unknown) => failed.push({ name: flow.name, why: error instanceof Problem ? problemInWords(error.body, language).message : String(error) }));
    }
    setAt(null);
    setFailures(failed);
    setTold(t.bulkDone(flows.length - failed.length, flows.length));
    onDone();
  };
  const exportAll = () => window.location.assign(`/api/flow-packages?${new URLSearchParams({ flows: flows.map((flow) => flow.id).join(',') })}`);
  if (flows.length === 0 && failures.length === 0) return null;
  return (
    <>
      {flows.length > 0 && (
        <div className="bulk" role="toolbar" aria-label={t.chosen(flows.length)}>
          <strong role="status">{at ? t.bulkWorking(at.verb, at.done + 1, flows.length) : told || t.chosen(flows.length)}</strong>
          <Button size="small" disabled={at !== null} onClick={() => void each(t.turnOn, (flow) => (flow.state === 'on' ? Promise.resolve() : turn(flow.id, 'on')))}>{t.turnOn}</Button>
          <Button size="small" disabled={at !== null} onClick={() => void each(t.turnOff, (flow) => (flow.state === 'on' ? turn(flow.id, 'off') : Promise.resolve()))}>{t.turnOff}</Button>
          <Button size="small" disabled={at !== null} onClick={() => setTagging(true)}>{t.addTag}</Button>
          <Button size="small" disabled={at !== null || flows.length > EXPORTED_MAX} onClick={exportAll}>{t.export}</Button>
          <Button size="small" disabled={at !== null} onClick={() => setDeleting(true)}>{shared.delete}</Button>
          <Button size="small" appearance="transparent" disabled={at !== null} onClick={onClear}>{t.chooseNone}</Button>
        </div>
      )}
      {failures.length > 0 && (
        <MessageBar intent="error" layout="multiline">
          <MessageBarBody>
            <MessageBarTitle>{t.bulkFailed(failures.length)}</MessageBarTitle>
            <ul className="diagnostics">{failures.map((failure) => <li key={failure.name}><strong>{failure.name}</strong>: {failure.why}</li>)}</ul>
          </MessageBarBody>
          <MessageBarActions><Button size="small" onClick={() => setFailures([])}>{shared.close}</Button></MessageBarActions>
        </MessageBar>
      )}
      {tagging && (
        <TagsDialog
          flows={flows}
          known={known}
          onClose={() => setTagging(false)}
          onDone={() => {
            setTagging(false);
            onDone();
          }}
        />
      )}
      <Confirm open={deleting} title={t.deleteMany(flows.length)} action={shared.delete} onClose={() => setDeleting(false)} onConfirm={() => each(shared.delete, (flow) => deleteFlow(flow.id))}>
        <p>{t.deleteText}</p>
      </Confirm>
    </>
  );
}
