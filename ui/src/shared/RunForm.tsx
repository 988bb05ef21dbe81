/** The body of a run by hand: a form from the trigger's schema, or JSON. */
import { Button, Field, Input, Switch, Textarea } from '@fluentui/react-components';
import { useState } from 'react';
import type { Json } from '../api/types';
import { bodyOf, missingOf, prefilled, runFields, type RunField } from '../flow-model/run-inputs';
import { useText } from './language';
import { LongSelect } from './LongSelect';
import { runFormText } from './run-form-text';

/** A file goes out in base64 within one request. */
const FILE_BYTES_MAX = 10 * 1024 * 1024;

async function base64(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** A moment as a field for local time shows it. */
function toLocal(value: Json | undefined): string {
  const date = typeof value === 'string' && value ? new Date(value) : null;
  if (!date || Number.isNaN(date.getTime())) return '';
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const nameOfFile = (value: Json | undefined): string => (typeof value === 'object' && value !== null && !Array.isArray(value) && typeof value['name'] === 'string' ? value['name'] : value ? '…' : '');

function FieldOf({ field, value, onChange }: { field: RunField; value: Json | undefined; onChange: (value: Json | undefined) => void }) {
  const t = useText(runFormText);
  const [typed, setTyped] = useState<string | null>(null);
  const [large, setLarge] = useState(false);
  const asText = typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
  const around = { label: field.title, required: field.required && field.kind !== 'boolean', ...(field.description ? { hint: field.description } : {}) };
  switch (field.kind) {
    case 'boolean':
      return <Field label={field.title} {...(field.description ? { hint: field.description } : {})}><Switch checked={value === true} label={value === true ? t.yes : t.no} onChange={(_, data) => onChange(data.checked)} /></Field>;
    case 'number':
      return <Field {...around}><Input type="number" inputMode="decimal" value={typed ?? asText} onChange={(_, data) => { setTyped(data.value); onChange(data.value.trim() === '' || Number.isNaN(Number(data.value)) ? undefined : Number(data.value)); }} /></Field>;
    case 'date':
      return <Field {...around}><Input type="date" value={asText.slice(0, 10)} onChange={(_, data) => onChange(data.value)} /></Field>;
    case 'datetime':
      return <Field {...around}><Input type="datetime-local" value={toLocal(value)} onChange={(_, data) => onChange(data.value ? new Date(data.value).toISOString() : undefined)} /></Field>;
    case 'choice':
      return (
        <Field {...around}>
          <LongSelect empty={t.none} value={asText} options={field.choices.map((choice) => ({ value: choice, title: choice }))} onChange={onChange} />
        </Field>
      );
    case 'file':
      return (
        <Field {...around} {...(value && !large ? { hint: t.fileKept(nameOfFile(value)) } : {})} validationMessage={large ? t.fileLarge(FILE_BYTES_MAX / 1024 / 1024) : undefined}>
          <input
            type="file"
            aria-label={field.title}
            onChange={(event) => {
              const [file] = event.target.files ?? [];
              setLarge((file?.size ?? 0) > FILE_BYTES_MAX);
              if (!file || file.size > FILE_BYTES_MAX) return onChange(undefined);
              void base64(file).then((contentBytes) => onChange(field.wholeFile ? { name: file.name, contentBytes } : contentBytes));
            }}
          />
        </Field>
      );
    case 'json': {
      const change = (next: string) => {
        setTyped(next);
        try {
          onChange(next.trim() === '' ? undefined : (JSON.parse(next) as Json));
        } catch {
          // It is told below the field; what was there before does not go out.
          onChange(undefined);
        }
      };
      const isBad = typed !== null && typed.trim() !== '' && value === undefined;
      return <Field {...around} validationMessage={isBad ? t.badJson : undefined}><Textarea className="mono" rows={4} resize="vertical" value={typed ?? (value === undefined ? '' : JSON.stringify(value, null, 2))} onChange={(_, data) => change(data.value)} /></Field>;
    }
    case 'text':
      return <Field {...around}><Textarea rows={asText.length > 80 ? 4 : 1} resize="vertical" value={asText} onChange={(_, data) => onChange(data.value)} /></Field>;
    default:
      return <Field {...around}><Input type={field.kind === 'email' ? 'email' : 'text'} value={asText} onChange={(_, data) => onChange(data.value)} /></Field>;
  }
}

/** What is to be sent: undefined while something is missing or no JSON. */
export type RunBody = { body: Json } | { missing: string };

/** `last`: what the trigger received last; the form begins with it. */
export function RunForm({ schema, last, onChange }: { schema: Json | undefined; last: Json | undefined; onChange: (body: RunBody) => void }) {
  const t = useText(runFormText);
  const fields = runFields(schema);
  const [values, setValues] = useState(() => prefilled(fields, last));
  const [asJson, setAsJson] = useState(fields.length === 0);
  const [text, setText] = useState(() => JSON.stringify(last ?? {}, null, 2));
  const [touched, setTouched] = useState(false);
  const tell = (next: { [name: string]: Json }) => {
    const missing = missingOf(fields, next);
    onChange(missing.length > 0 ? { missing: t.missing(missing.map((field) => field.title).join(', ')) } : { body: bodyOf(fields, next) });
  };
  const type = (next: string) => {
    setText(next);
    try {
      onChange({ body: JSON.parse(next) as Json });
    } catch {
      onChange({ missing: t.badJson });
    }
  };
  const change = (name: string, value: Json | undefined) => {
    const { [name]: _before, ...others } = values;
    const next = value === undefined ? others : { ...others, [name]: value };
    setTouched(true);
    setValues(next);
    tell(next);
  };
  const swap = () => {
    if (asJson) {
      let parsed: Json = {};
      try {
        parsed = JSON.parse(text) as Json;
      } catch {
        // The form begins empty then.
      }
      const next = prefilled(fields, parsed);
      setValues(next);
      tell(next);
    } else type(JSON.stringify(bodyOf(fields, values), null, 2));
    setAsJson(!asJson);
  };
  return (
    <div className="stack">
      {last !== undefined && !touched && <p className="quiet small">{t.last}</p>}
      {asJson ? (
        <Field label={t.body}><Textarea value={text} rows={8} resize="vertical" className="mono" onChange={(_, data) => type(data.value)} /></Field>
      ) : (
        fields.map((field) => <FieldOf key={field.name} field={field} value={values[field.name]} onChange={(value) => change(field.name, value)} />)
      )}
      {fields.length > 0 && <Button appearance="subtle" className="left" onClick={swap}>{asJson ? t.asForm : t.asJson}</Button>}
    </div>
  );
}

/** What is sent when nothing is changed. */
export function firstBody(schema: Json | undefined, last: Json | undefined): RunBody {
  const fields = runFields(schema);
  if (fields.length === 0) return { body: last ?? {} };
  const values = prefilled(fields, last);
  const missing = missingOf(fields, values);
  return missing.length > 0 ? { missing: '' } : { body: bodyOf(fields, values) };
}
