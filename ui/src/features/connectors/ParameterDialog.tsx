/** One parameter of a request: required, default, visibility, allowed and dynamic values. */
import { Button, Checkbox, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { useState } from 'react';
import type { FormParameter, Json, Visibility } from '../../api/types';
import { Modal } from '../../shared/bits';
import { useText } from '../../shared/language';
import { sharedText } from '../../shared/text';
import { parameterLabel } from './operation-form';
import { connectorsText } from './text';

const shown = (value: Json | undefined) => (value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value));

/** Text as a value of the parameter's type; what does not fit stays text, and the server says what it thinks of it. */
function valueOf(text: string, parameter: FormParameter): Json | undefined {
  if (text === '') return undefined;
  if (parameter.schema.type === 'string') return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

export function ParameterDialog({ parameter, onDone, onRemove, onClose }: { parameter: FormParameter; onDone: (parameter: FormParameter) => void; onRemove: () => void; onClose: () => void }) {
  const t = useText(connectorsText);
  const shared = useText(sharedText);
  const [form, setForm] = useState(parameter);
  const [standard, setStandard] = useState(shown(parameter.default));
  const [allowed, setAllowed] = useState((parameter.enum ?? []).map(shown).join(', '));
  const [dynamic, setDynamic] = useState(shown(parameter.dynamic_values));
  const [bad, setBad] = useState(false);
  const done = () => {
    const { default: _, enum: __, dynamic_values: ___, ...rest } = form;
    const value = valueOf(standard, form);
    const list = allowed.split(',').map((item) => item.trim()).filter(Boolean).map((item) => valueOf(item, form) ?? item);
    let lookup: Json | undefined;
    try {
      lookup = dynamic.trim() ? (JSON.parse(dynamic) as Json) : undefined;
    } catch {
      setBad(true);
      return;
    }
    onDone({ ...rest, ...(value !== undefined ? { default: value } : {}), enum: list, ...(lookup !== undefined ? { dynamic_values: lookup } : {}) });
  };
  return (
    <Modal
      open
      title={t.editParameter(parameterLabel(parameter))}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onRemove}>{t.removeParameter}</Button>
          <Button appearance="primary" onClick={done}>{shared.save}</Button>
        </>
      }
    >
      <Field label={t.summary}><Input value={form.summary ?? ''} onChange={(_, data) => setForm({ ...form, summary: data.value })} /></Field>
      <Field label={t.description}><Textarea value={form.description ?? ''} onChange={(_, data) => setForm({ ...form, description: data.value })} /></Field>
      <Checkbox label={t.required} checked={form.required} onChange={(_, data) => setForm({ ...form, required: data.checked === true })} />
      <Field label={t.visibility}>
        <Select value={form.visibility} onChange={(_, data) => setForm({ ...form, visibility: data.value as Visibility })}>
          {Object.entries(t.visibilities).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
        </Select>
      </Field>
      <Field label={t.default}><Input value={standard} onChange={(_, data) => setStandard(data.value)} /></Field>
      <Field label={t.enum}><Input value={allowed} onChange={(_, data) => setAllowed(data.value)} /></Field>
      <Field label={t.dynamicValues} validationMessage={bad ? t.badJson : undefined}><Textarea value={dynamic} className="mono" onChange={(_, data) => setDynamic(data.value)} /></Field>
    </Modal>
  );
}
