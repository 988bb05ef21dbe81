/** One parameter of a request: type, required, default, visibility, words for people, allowed and dynamic values. */
import { Button, Checkbox, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { useState } from 'react';
import type { Connector, FormParameter, Json, JsonSchema, OperationSummary, Visibility } from '../../api/types';
import { Modal } from '../../shared/bits';
import { useText } from '../../shared/language';
import { sharedText } from '../../shared/text';
import { dynamicValuesOf, noDynamicValues, withDynamicValues, writtenDynamicValues } from './dynamic-values';
import { DynamicValuesFields, type DynamicChoice } from './DynamicValues';
import { parameterLabel } from './operation-form';
import { connectorsText } from './text';

const TYPES = ['string', 'integer', 'number', 'boolean', 'array', 'object'] as const;

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

const choiceOf = (written: Json | undefined): DynamicChoice => {
  if (written === undefined) return { kind: 'form', form: noDynamicValues() };
  const form = dynamicValuesOf(written);
  return form ? { kind: 'form', form } : { kind: 'text', text: JSON.stringify(written, null, 2) };
};

/** A schema of another type keeps nothing that only fits the old one. */
function retyped(schema: JsonSchema, type: string): JsonSchema {
  const { format: _, items: __, properties: ___, enum: ____, ...rest } = schema;
  return { ...rest, type, ...(type === 'array' ? { items: { type: 'string' } } : {}) };
}

/** Words that were emptied go from the schema too: it is where they would be read from. */
function withoutEmptyWords(parameter: FormParameter): FormParameter {
  const schema = { ...parameter.schema };
  if (!parameter.summary) {
    delete schema['x-ms-summary'];
    delete schema.title;
  }
  if (!parameter.description) delete schema.description;
  return { ...parameter, schema };
}

export function ParameterDialog({ connector, others, siblings, parameter, onDone, onRemove, onClose }: {
  connector: Connector;
  others: OperationSummary[];
  /** The other parameters of the operation: dynamic values may depend on them. */
  siblings: FormParameter[];
  parameter: FormParameter;
  onDone: (parameter: FormParameter) => void;
  onRemove: () => void;
  onClose: () => void;
}) {
  const t = useText(connectorsText);
  const shared = useText(sharedText);
  const [form, setForm] = useState(parameter);
  const [standard, setStandard] = useState(shown(parameter.default));
  const [allowed, setAllowed] = useState((parameter.enum ?? []).map(shown).join(', '));
  const [dynamic, setDynamic] = useState(() => choiceOf(parameter.dynamic_values));
  const [bad, setBad] = useState(false);
  const type = typeof form.schema.type === 'string' ? form.schema.type : 'string';
  const done = () => {
    const { default: _, enum: __, ...rest } = form;
    const value = valueOf(standard, form);
    const list = allowed.split(',').map((item) => item.trim()).filter(Boolean).map((item) => valueOf(item, form) ?? item);
    let written: Json | undefined;
    try {
      written = dynamic.kind === 'form' ? writtenDynamicValues(dynamic.form) : dynamic.text.trim() ? (JSON.parse(dynamic.text) as Json) : undefined;
    } catch {
      setBad(true);
      return;
    }
    const untouched = JSON.stringify(dynamic) === JSON.stringify(choiceOf(parameter.dynamic_values));
    const next: FormParameter = withoutEmptyWords({ ...rest, ...(value !== undefined ? { default: value } : {}), ...(list.length > 0 || parameter.enum ? { enum: list } : {}) });
    onDone(untouched ? next : withDynamicValues(next, written));
  };
  return (
    <Modal
      open
      wide
      title={t.editParameter(parameterLabel(parameter))}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onRemove}>{t.removeParameter}</Button>
          <Button appearance="primary" onClick={done}>{shared.save}</Button>
        </>
      }
    >
      <div className="columns">
        <Field label={t.summary}><Input value={form.summary ?? ''} onChange={(_, data) => setForm({ ...form, summary: data.value })} /></Field>
        <Field label={t.type}>
          <Select value={type} onChange={(_, data) => setForm({ ...form, schema: retyped(form.schema, data.value) })}>
            {TYPES.map((item) => <option key={item} value={item}>{t.types[item]}</option>)}
            {!(TYPES as readonly string[]).includes(type) && <option value={type}>{type}</option>}
          </Select>
        </Field>
        <Field label={t.visibility}>
          <Select value={form.visibility} onChange={(_, data) => setForm({ ...form, visibility: data.value as Visibility })}>
            {Object.entries(t.visibilities).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
          </Select>
        </Field>
      </div>
      <Field label={t.description}><Textarea value={form.description ?? ''} onChange={(_, data) => setForm({ ...form, description: data.value })} /></Field>
      <Checkbox label={t.required} checked={form.required} disabled={form.in === 'path'} onChange={(_, data) => setForm({ ...form, required: data.checked === true })} />
      <div className="columns">
        <Field label={t.default}><Input value={standard} onChange={(_, data) => setStandard(data.value)} /></Field>
        <Field label={t.enum}><Input value={allowed} onChange={(_, data) => setAllowed(data.value)} /></Field>
      </div>
      <DynamicValuesFields connector={connector} others={others} siblings={siblings} choice={dynamic} bad={bad} onChange={setDynamic} />
    </Modal>
  );
}
