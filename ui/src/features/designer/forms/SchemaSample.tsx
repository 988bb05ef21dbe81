/** A JSON Schema: as text, or inferred from a sample. */
import { Button, Textarea } from '@fluentui/react-components';
import { useState } from 'react';
import type { Json } from '../../../flow-model/definition';
import { Modal } from '../../../shared/bits';
import { useText } from '../../../shared/language';
import { ProblemBar } from '../../../shared/ProblemBar';
import { JsonValue, type FieldProps } from '../fields';
import { designerText } from '../text';
import { useDesigner } from '../context';
import { schemaOf, schemaOfRequests } from './lookups';
import { formText } from './text';

function SampleDialog({ onSchema, onClose }: { onSchema: (schema: Json) => void; onClose: () => void }) {
  const t = useText(formText);
  const designer = useText(designerText);
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [bad, setBad] = useState(false);
  const make = () => {
    let sample: Json;
    try {
      sample = JSON.parse(text) as Json;
    } catch {
      setBad(true);
      return;
    }
    setBad(false);
    setError(null);
    setBusy(true);
    schemaOf(sample)
      .then((schema) => {
        onSchema(schema);
        onClose();
      })
      .catch((problem: unknown) => {
        setError(problem);
        setBusy(false);
      });
  };
  return (
    <Modal open title={t.generateTitle} onClose={onClose} actions={<Button appearance="primary" disabled={busy || text.trim() === ''} onClick={make}>{t.generateDo}</Button>}>
      <p>{t.generateText}</p>
      <Textarea className="mono" rows={12} resize="vertical" value={text} aria-label={t.sample} onChange={(_, data) => setText(data.value)} />
      {bad && <p className="bad-text" role="alert">{designer.badJson}</p>}
      <ProblemBar error={error} />
    </Modal>
  );
}

export function SchemaSample(props: FieldProps) {
  const t = useText(formText);
  const { flow } = useDesigner();
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  // Only the trigger's schema is about what was sent to the flow.
  const came = props.step === null && flow?.webhook?.last_notification_at ? flow.id : null;
  const learn = (id: string) => {
    setBusy(true);
    setError(null);
    schemaOfRequests(id)
      .then((schema) => schema !== null && props.onChange(schema))
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <div className="stack tight">
      <JsonValue {...props} />
      <div className="commands">
        <Button size="small" onClick={() => setAsking(true)}>{t.generate}</Button>
        {came && <Button size="small" disabled={busy} onClick={() => learn(came)}>{t.useRequests}</Button>}
      </div>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      {asking && <SampleDialog onSchema={props.onChange} onClose={() => setAsking(false)} />}
    </div>
  );
}
