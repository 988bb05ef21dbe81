/** Fields of a step's form: text with tokens, choices, numbers, lists, raw JSON. */
import { Button, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { useEffect, useRef, useState } from 'react';
import type { Json } from '../../flow-model/definition';
import { useText } from '../../shared/language';
import { TokenField } from './TokenField';
import { designerText } from './text';

export interface FieldProps {
  label: string;
  value: Json | undefined;
  onChange: (value: Json | undefined) => void;
  step: string | null;
  fieldKey: string;
  required?: boolean;
  hint?: string | undefined;
  /** The label is read, not shown: it stands in a row of its own. */
  bare?: boolean;
}

const shown = (value: Json | undefined) => (value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value, null, typeof value === 'object' ? 2 : undefined));

/** `typed`: a single expression keeps its type, since the text is stored where any value can be. */
export function TextValue(props: FieldProps & { typed?: boolean }) {
  return <TokenField {...props} value={shown(props.value)} onChange={(value) => props.onChange(value === '' ? undefined : value)} />;
}

const NUMBER = /^\s*-?\d+(\.\d+)?\s*$/;

/** Any value: a single expression keeps its type; a number or true is stored as such when it was one before, or must be one (`numeric`). */
export function AnyValue({ numeric = false, ...props }: FieldProps & { numeric?: boolean }) {
  const literal = typeof props.value === 'number' || typeof props.value === 'boolean' || (typeof props.value === 'object' && props.value !== null);
  // JSON is left as it was typed for as long as it means the same, or the cursor would jump.
  const [typed, setTyped] = useState<{ text: string; json: string } | null>(null);
  const text = typed !== null && typed.json === JSON.stringify(props.value) ? typed.text : shown(props.value);
  const change = (next: string) => {
    if (next === '') return props.onChange(undefined);
    if (literal || /^\s*[[{]/.test(next) || (numeric && NUMBER.test(next))) {
      try {
        const parsed = JSON.parse(next) as Json;
        setTyped({ text: next, json: JSON.stringify(parsed) });
        return props.onChange(parsed);
      } catch {
        // Not finished yet, or text with tokens: kept as text.
      }
    }
    return props.onChange(next);
  };
  return <TokenField {...props} typed value={text} onChange={change} />;
}

/** `isPending`: the options are on their way, so nobody can say yet that the value is none of them. */
export function ChoiceValue({ label, value, onChange, required, hint, options, step, fieldKey, isPending = false }: FieldProps & { options: { value: Json; title: string }[]; isPending?: boolean }) {
  const t = useText(designerText);
  const known = value === undefined || value === '' || options.some((option) => shown(option.value) === shown(value));
  const [chosen, setCustom] = useState<boolean | null>(null);
  if (chosen ?? (!known && !isPending)) {
    return (
      <div className="stack tight">
        <AnyValue {...{ label, value, onChange, step, fieldKey }} {...(required ? { required } : {})} hint={hint} />
        <Button size="small" appearance="transparent" className="left" onClick={() => setCustom(false)}>{t.formMode}</Button>
      </div>
    );
  }
  return (
    <Field label={label} required={required ?? false} hint={hint}>
      <Select
        value={shown(value)}
        onChange={(_, data) => {
          if (data.value === '$custom') setCustom(true);
          else onChange(options.find((option) => shown(option.value) === data.value)?.value);
        }}
      >
        <option value="" />
        {!known && <option value={shown(value)}>{shown(value)}</option>}
        {options.map((option) => <option key={shown(option.value)} value={shown(option.value)}>{option.title}</option>)}
        <option value="$custom">{t.customValue}</option>
      </Select>
    </Field>
  );
}

export function NumberValue({ label, value, onChange, required, hint }: FieldProps) {
  return (
    <Field label={label} required={required ?? false} hint={hint}>
      <Input type="number" value={shown(value)} onChange={(_, data) => onChange(data.value === '' ? undefined : Number(data.value))} />
    </Field>
  );
}

export function BooleanValue(props: FieldProps) {
  const t = useText(designerText);
  return <ChoiceValue {...props} options={[{ value: true, title: t.yes }, { value: false, title: t.no }]} />;
}

/** Structured data as JSON text. What is not valid yet stays in the field and is not stored. */
export function JsonValue({ label, value, onChange, required, hint }: FieldProps) {
  const t = useText(designerText);
  const format = (held: Json | undefined) => (held === undefined ? '' : typeof held === 'string' ? held : JSON.stringify(held, null, 2));
  const [text, setText] = useState(format(value));
  const [bad, setBad] = useState(false);
  const told = useRef(value);
  useEffect(() => {
    if (JSON.stringify(value) !== JSON.stringify(told.current)) {
      told.current = value;
      setText(format(value));
      setBad(false);
    }
  }, [value]);
  const change = (next: string) => {
    setText(next);
    const report = (parsed: Json | undefined) => {
      told.current = parsed;
      setBad(false);
      onChange(parsed);
    };
    if (next.trim() === '') return report(undefined);
    if (next.startsWith('@')) return report(next);
    try {
      return report(JSON.parse(next) as Json);
    } catch {
      return setBad(true);
    }
  };
  return (
    <Field label={label} required={required ?? false} hint={hint} validationMessage={bad ? t.badJson : undefined} validationState={bad ? 'warning' : 'none'}>
      <Textarea className="mono" rows={4} resize="vertical" value={text} onChange={(_, data) => change(data.value)} />
    </Field>
  );
}

/** A list of simple values, one field each. */
export function ListValue({ label, value, onChange, required, hint, step, fieldKey }: FieldProps) {
  const t = useText(designerText);
  const [raw, setRaw] = useState(value !== undefined && !(Array.isArray(value) && value.every((item) => typeof item !== 'object')));
  if (raw) {
    return (
      <div className="stack tight">
        <AnyValue {...{ label, value, onChange, step, fieldKey }} {...(required ? { required } : {})} hint={hint} />
        <Button size="small" appearance="transparent" className="left" onClick={() => setRaw(false)}>{t.formMode}</Button>
      </div>
    );
  }
  const items = Array.isArray(value) ? value : [];
  return (
    <fieldset className="list-value">
      <legend>{label}{required ? ' *' : ''}</legend>
      {hint && <div className="quiet small">{hint}</div>}
      {items.map((item, index) => (
        <div key={index} className="row">
          <div className="grow">
            <TokenField
              label={`${label} ${index + 1}`}
              step={step}
              fieldKey={`${fieldKey}/${index}`}
              value={shown(item)}
              onChange={(text) => onChange(items.map((held, at) => (at === index ? text : held)))}
            />
          </div>
          <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={`${t.removeItem} ${index + 1}`} onClick={() => onChange(items.length > 1 ? items.filter((_, at) => at !== index) : undefined)} />
        </div>
      ))}
      <div className="commands">
        <Button size="small" icon={<AddRegular />} onClick={() => onChange([...items, ''])}>{t.addItem}</Button>
        <Button size="small" appearance="transparent" onClick={() => setRaw(true)}>{t.rawMode}</Button>
      </div>
    </fieldset>
  );
}
