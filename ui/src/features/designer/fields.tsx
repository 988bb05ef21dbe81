/** Fields of a step's form: text with tokens, choices, numbers, lists, raw JSON. */
import { Button, Field, Input, Textarea } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { useEffect, useRef, useState } from 'react';
import type { Json } from '../../flow-model/definition';
import { jsonOfTemplate, templateOfJson } from '../../flow-model/json-text';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
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
const LITERAL = /^\s*(-?\d+(\.\d+)?|true|false)\s*$/;
/** Whoever begins so means JSON; "[urgent] …" is a text. */
const MEANS_JSON = /^\s*(\{\s*["}]|\[\s*(["{[\]\d]|true|false|null))/;

const templateOf = (value: Json | undefined) => (typeof value === 'object' && value !== null ? templateOfJson(value) : shown(value));

/**
 * Any value: what is typed as JSON is stored as JSON, with tokens inside of it; a single expression keeps its type; a
 * number or true is stored as such when it was one before, or must be one (`numeric`).
 */
export function AnyValue({ numeric = false, ...props }: FieldProps & { numeric?: boolean }) {
  const t = useText(designerText);
  const { value } = props;
  // JSON is left as it was typed for as long as it means the same, or the cursor would jump.
  const [typed, setTyped] = useState<{ text: string; json: string } | null>(null);
  const text = typed !== null && typed.json === JSON.stringify(value) ? typed.text : templateOf(value);
  // A text that could be an object was stored as one on purpose, or by another program: it stays a text until somebody says otherwise.
  const asJson = typeof value === 'string' ? jsonOfTemplate(value) : undefined;
  const change = (next: string) => {
    if (next === '') return props.onChange(undefined);
    const json = asJson === undefined ? jsonOfTemplate(next) : undefined;
    const literal = typeof value === 'number' || typeof value === 'boolean' ? LITERAL : numeric ? NUMBER : null;
    const parsed = json ?? (literal?.test(next) ? (JSON.parse(next) as Json) : undefined);
    if (parsed === undefined) return props.onChange(next);
    setTyped({ text: next, json: JSON.stringify(parsed) });
    return props.onChange(parsed);
  };
  return (
    <>
      <TokenField {...props} typed value={text} onChange={change} />
      {asJson !== undefined && (
        <div className="row small" role="note">
          <span className="quiet grow">{t.jsonAsText}</span>
          <Button size="small" onClick={() => props.onChange(asJson)}>{t.storeAsJson}</Button>
        </div>
      )}
      {asJson === undefined && typeof value === 'string' && MEANS_JSON.test(value) && <p className="quiet small" role="note">{t.unfinishedJson}</p>}
    </>
  );
}

/** `isPending`: the options are on their way, so nobody can say yet that the value is none of them. */
export function ChoiceValue({ label, value, onChange, required, hint, options, step, fieldKey, isPending = false }: FieldProps & { options: { value: Json; title: string }[]; isPending?: boolean }) {
  const t = useText(designerText);
  const known = value === undefined || value === '' || options.some((option) => shown(option.value) === shown(value));
  const [chosen, setCustom] = useState<boolean | null>(null);
  if (chosen ?? (!known && !isPending)) {
    return (
      <div className="stack tight">
        <AnyValue {...{ label, value, onChange, step, fieldKey }} {...(required ? { required } : {})} hint={hint} numeric={options.length > 0 && options.every((option) => typeof option.value === 'number')} />
        <Button size="small" appearance="transparent" className="left" onClick={() => setCustom(false)}>{t.formMode}</Button>
      </div>
    );
  }
  return (
    <Field label={label} required={required ?? false} hint={hint}>
      <LongSelect
        empty=""
        value={shown(value)}
        options={[...(known ? [] : [{ value: shown(value), title: shown(value) }]), ...options.map((option) => ({ value: shown(option.value), title: option.title, words: shown(option.value) }))]}
        always={[{ value: '$custom', title: t.customValue }]}
        onChange={(next) => {
          if (next === '$custom') setCustom(true);
          else onChange(options.find((option) => shown(option.value) === next)?.value);
        }}
      />
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
    <Field label={label} required={required ?? false} hint={hint} validationMessage={bad ? t.keptFromJson : undefined} validationState={bad ? 'warning' : 'none'}>
      <Textarea className="mono" rows={4} resize="vertical" value={text} onChange={(_, data) => change(data.value)} />
    </Field>
  );
}

/** A list of simple values, one field each; of numbers where the items must be (`numeric`). */
export function ListValue({ label, value, onChange, required, hint, step, fieldKey, numeric = false }: FieldProps & { numeric?: boolean }) {
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
            <AnyValue
              label={`${label} ${index + 1}`}
              step={step}
              fieldKey={`${fieldKey}/${index}`}
              value={item}
              numeric={numeric}
              onChange={(next) => onChange(items.map((held, at) => (at === index ? (next ?? '') : held)))}
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
