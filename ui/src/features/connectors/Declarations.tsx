/** What a trigger declares for its webhook: a well-known service by name, or each part as JSON with its meaning beside it. */
import { Button, Field, MessageBar, MessageBarBody, Textarea } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Json, JsonObject, OperationForm } from '../../api/types';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { PARTS, type Part } from './declarations';
import { declarationsText } from './declarations-text';

const PRESET = 'x-hookmill-preset';

function PartEditor({ part, value, onChange }: { part: Part; value: Json | undefined; onChange: (value: Json | undefined) => void }) {
  const t = useText(declarationsText);
  const [text, setText] = useState(value === undefined ? '' : JSON.stringify(value, null, 2));
  const [wrong, setWrong] = useState('');
  const take = (next: string) => {
    setText(next);
    if (next.trim() === '') {
      setWrong('');
      onChange(undefined);
      return;
    }
    try {
      onChange(JSON.parse(next) as Json);
      setWrong('');
    } catch (error) {
      setWrong(error instanceof Error ? error.message : String(error));
    }
  };
  const words = t.parts[part.name];
  return (
    <details open={value !== undefined}>
      <summary><code>{part.name}</code> {words?.title}</summary>
      <Field hint={words?.about} validationState={wrong ? 'error' : 'none'} validationMessage={wrong ? t.noJson(wrong) : undefined}>
        <Textarea aria-label={words?.title ?? part.name} className="mono" resize="vertical" rows={Math.min(14, Math.max(3, text.split('\n').length))} value={text} onChange={(_, data) => take(data.value)} />
      </Field>
      {text.trim() === '' && <Button size="small" onClick={() => take(JSON.stringify(part.example, null, 2))}>{t.example}</Button>}
    </details>
  );
}

export function DeclarationsSection({ form, onChange }: { form: OperationForm; onChange: (form: OperationForm) => void }) {
  const t = useText(declarationsText);
  const presets = useQuery({ queryKey: ['webhook-presets'], queryFn: ({ signal }) => api.get('/api/webhook-presets', { signal }), staleTime: Infinity });
  const declared: JsonObject = (form.declarations ?? {}) as JsonObject;
  const preset = typeof declared[PRESET] === 'string' ? declared[PRESET] : '';
  const chosen = presets.data?.items.find((own) => own.name === preset);
  const set = (name: string, value: Json | undefined) => {
    const { [name]: _, ...rest } = declared;
    onChange({ ...form, declarations: value === undefined ? rest : { ...rest, [name]: value } } as OperationForm);
  };
  return (
    <section className="panel stack" aria-labelledby="op-declarations">
      <h2 id="op-declarations" tabIndex={-1}>{t.title}</h2>
      <p className="quiet">{t.about}</p>
      <Field label={t.service} hint={t.serviceHint}>
        <LongSelect value={preset} empty={t.noService} options={(presets.data?.items ?? []).map((own) => ({ value: own.name, title: own.title, words: own.name }))} onChange={(name) => set(PRESET, name || undefined)} />
      </Field>
      {chosen?.secret && <MessageBar intent="info" layout="multiline"><MessageBarBody>{t.secret(chosen.secret)}</MessageBarBody></MessageBar>}
      {PARTS.map((part) => <PartEditor key={`${form.operation_id}/${part.name}`} part={part} value={declared[part.name]} onChange={(value) => set(part.name, value)} />)}
      <p className="quiet small">{t.checked}</p>
    </section>
  );
}
