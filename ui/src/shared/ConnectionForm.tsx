/**
 * Makes or repairs a connection: the fields that its connector asks for, in the kind that is chosen where there are
 * several. With OAuth 2.0 a person signs in at the service as well, in a window that is opened for it.
 */
import { Button, Field, Input, Switch, Textarea } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api, Problem } from '../api/client';
import type { Connection, ConnectionBody, ConnectionField, ConnectionFields, Json } from '../api/types';
import { connectionText } from './connection-text';
import { findingInWords } from './codes';
import { useLanguage, useText } from './language';
import { LongSelect } from './LongSelect';
import { Loaded } from './page';
import { ProblemBar } from './ProblemBar';
import { openWindow } from './sign-in';
import { SignIn, type Asked } from './SignIn';
import { sharedText } from './text';

/** The host of an address; nothing where it is none. */
function hostOf(address: string | null | undefined): string | null {
  return address && URL.canParse(address) ? new URL(address).host : null;
}

/** The value of a field as the form holds it; a switch holds `true` or `false`. */
const textOf = (value: unknown): string => (value === undefined || value === null ? '' : String(value));

/** The place of a field in the server's findings. */
const pointersOf = (name: string): string[] => [`/${name}`, `/parameters/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`];

/** What a person sees in a field that is left empty. */
const hintOf = (field: ConnectionField, more: string | undefined): string | undefined => [field.description || field.tooltip, more].filter(Boolean).join(' ') || undefined;

function FieldInput({ field, value, onChange }: { field: ConnectionField; value: string; onChange: (value: string) => void }) {
  const fallback = textOf(field.default);
  if (field.choices && field.choices.length > 0) {
    return (
      <LongSelect
        value={value || fallback}
        {...(field.required && fallback ? {} : { empty: '' })}
        options={field.choices.map((choice) => ({ value: textOf(choice.value), title: choice.label }))}
        onChange={onChange}
      />
    );
  }
  if (field.kind === 'boolean') {
    return <Switch checked={(value || fallback) === 'true'} onChange={(_, data) => onChange(String(data.checked))} />;
  }
  const masked = !field.clear_text;
  return (
    <Input
      type={masked ? 'password' : field.kind === 'integer' || field.kind === 'number' ? 'number' : 'text'}
      {...(field.kind === 'number' ? { step: 'any' } : {})}
      value={value}
      placeholder={fallback}
      autoComplete={masked ? 'new-password' : 'off'}
      onChange={(_, data) => onChange(data.value)}
    />
  );
}

interface FormProps {
  connector: { id: string; name: string };
  /** Given when an existing connection is repaired. */
  connection?: Connection;
  onDone: (connection: Connection) => void;
  onCancel?: () => void;
}

/** Asks the server what the connector's connections need, then shows the form. */
export function ConnectionForm(props: FormProps) {
  const { id } = props.connector;
  const asked = useQuery({
    queryKey: ['connectors', id, 'connection-fields'],
    queryFn: ({ signal }) => api.get('/api/connectors/{id}/connection-fields', { path: { id }, signal }),
  });
  return <Loaded query={asked} rows={3}>{(fields) => <FieldsForm key={id} {...props} {...fields} />}</Loaded>;
}

function FieldsForm({ connector, authentication, parameter_sets: sets, connection, onDone, onCancel }: FormProps & ConnectionFields) {
  const t = useText(connectionText);
  const { language } = useLanguage();
  const shared = useText(sharedText);
  const client = useQueryClient();
  const [name, setName] = useState(connection?.name ?? connector.name);
  const [setChosen, chooseSet] = useState(connection?.parameter_set ?? '');
  const [values, setValues] = useState<Record<string, string>>(() => Object.fromEntries(Object.entries(connection?.parameters ?? {}).map(([own, value]) => [own, textOf(value)])));
  const [hosts, setHosts] = useState((connection?.hosts ?? []).join('\n'));
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  /** Made by this form, and not signed in yet. */
  const [made, setMade] = useState<Connection | null>(null);
  const [asked, setAsked] = useState<Asked | null>(null);
  const several = sets.length > 1;
  const set = sets.find((own) => own.name === setChosen) ?? sets[0];
  const fields = (set?.fields ?? []).filter((field) => !field.hidden && field.kind !== 'oauth' && field.kind !== 'gateway' && field.kind !== 'unknown');
  const oauth = authentication.type === 'oauth2' && set?.fields.some((field) => field.kind === 'oauth') ? authentication : null;
  const signsIn = oauth !== null && oauth.grant !== 'client_credentials';
  /** Whether the stored connection has a value for a field, which nobody sees. */
  const isStored = (field: ConnectionField) => connection?.parameter_set === (several ? set?.name : connection?.parameter_set) && !!connection?.given.includes(field.name);
  const fresh = () => void client.invalidateQueries({ queryKey: ['connections'] });
  const found = error instanceof Problem ? (error.body.diagnostics ?? []) : [];
  const wrongOf = (field: ConnectionField) => {
    const wrong = found.find((one) => pointersOf(field.name).includes(one.pointer));
    return wrong && findingInWords(wrong, language).message;
  };
  const body = (): ConnectionBody => {
    const parameters: Record<string, Json> = {};
    for (const field of fields) {
      const value = values[field.name] ?? '';
      // An empty secret keeps what is stored; an emptied open field takes it away.
      if (value !== '') parameters[field.name] = value;
      else if (connection && field.clear_text && isStored(field)) parameters[field.name] = null;
    }
    const listed = hosts.split(/\s+/).filter(Boolean);
    return {
      name,
      ...(several && set ? { parameter_set: set.name } : {}),
      ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
      ...(listed.length > 0 || (connection?.hosts.length ?? 0) > 0 ? { hosts: listed } : {}),
    };
  };
  const save = () => {
    const known = connection ?? made;
    return known ? api.put('/api/connections/{id}', { path: { id: known.id }, body: body() }) : api.post('/api/connections', { body: { connector_id: connector.id, ...body() } });
  };
  const signIn = async () => {
    const opened = openWindow();
    setBusy(true);
    setError(null);
    setAsked(null);
    try {
      const known = await save();
      if (!connection) setMade(known);
      const { url } = await api.post('/api/connections/{id}/sign-in', { path: { id: known.id } });
      const before = await api.get('/api/connections/{id}', { path: { id: known.id } });
      setAsked({ before, url, blocked: !opened || opened.closed });
      opened?.location.replace(url);
    } catch (problem) {
      opened?.close();
      setError(problem);
    } finally {
      setBusy(false);
      fresh();
    }
  };
  const cancel = () => {
    setAsked(null);
    if (made) {
      setMade(null);
      void api.delete('/api/connections/{id}', { path: { id: made.id } }).then(fresh, setError);
    }
    onCancel?.();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (signsIn) {
      void signIn();
      return;
    }
    setBusy(true);
    setError(null);
    save()
      .then(async (saved) => {
        // Nobody signs in, so a test says at once whether the service gives a token.
        if (oauth) await api.post('/api/connections/{id}/test', { path: { id: saved.id } });
        fresh();
        setValues((held) => Object.fromEntries(Object.entries(held).filter(([own]) => fields.some((field) => field.name === own && field.clear_text))));
        onDone(saved);
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const host = hostOf(oauth?.authorization_url);
  return (
    <form className="stack" onSubmit={submit} aria-label={connection ? t.repair : t.create}>
      <Field label={t.connectionName} required>
        <Input value={name} onChange={(_, data) => setName(data.value)} autoComplete="off" />
      </Field>
      {several && (
        <Field label={t.kind} required hint={set?.description || undefined}>
          <LongSelect value={set?.name ?? ''} options={sets.map((own) => ({ value: own.name, title: own.label || own.name }))} onChange={chooseSet} />
        </Field>
      )}
      {fields.map((field) => {
        const wrong = wrongOf(field);
        const label = field.signs_webhooks ? t.webhookSecret : field.label;
        const hint = hintOf(field, isStored(field) && !field.clear_text ? t.unchanged : field.signs_webhooks ? t.webhookSecretHint : undefined);
        return (
          <Field
            key={`${set?.name ?? ''} ${field.name}`}
            label={label}
            required={field.required && !isStored(field)}
            {...(hint ? { hint } : {})}
            {...(wrong ? { validationState: 'error' as const, validationMessage: wrong } : {})}
          >
            <FieldInput field={field} value={values[field.name] ?? ''} onChange={(value) => setValues((held) => ({ ...held, [field.name]: value }))} />
          </Field>
        );
      })}
      {oauth && !asked && <p className="quiet">{signsIn ? (host ? t.signInHint(host) : t.signInIncomplete) : t.clientHint}</p>}
      {fields.length === 0 && !oauth && <p className="quiet">{t.noneNeeded}</p>}
      {(fields.length > 0 || oauth) && (
        <details open={hosts !== ''}>
          <summary>{t.more}</summary>
          <Field label={t.hosts} hint={t.hostsHint}>
            <Textarea value={hosts} rows={2} className="mono" onChange={(_, data) => setHosts(data.value)} />
          </Field>
        </details>
      )}
      <ProblemBar error={error} />
      {asked ? (
        <SignIn
          key={asked.url}
          asked={asked}
          onDone={(held) => {
            setAsked(null);
            setMade(null);
            fresh();
            onDone(held);
          }}
          onAgain={() => void signIn()}
          onCancel={cancel}
        />
      ) : (
        <div className="commands">
          <Button type="submit" appearance="primary" disabled={busy || !name}>
            {!signsIn ? (connection ? shared.save : t.createAction) : connection?.signed_in_at || connection?.health === 'broken' ? t.signInAgain : t.signIn}
          </Button>
          {(onCancel || made) && <Button onClick={cancel}>{shared.cancel}</Button>}
        </div>
      )}
    </form>
  );
}
