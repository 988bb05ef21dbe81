/** The server: how it does, public URL with its check, history, mail, backup, about. */
import { Button, Checkbox, Field, Input, MessageBar, MessageBarBody, Select } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { addressOf, api } from '../../api/client';
import { sessionQuery } from '../../api/session';
import type { MailSettings, Settings, SettingsForm } from '../../api/types';
import { useLanguage, useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { bytesText, duration } from '../../shared/time';
import { Backup } from './Backup';
import { Overview } from './Overview';
import { PublicUrl } from './Reachability';
import { settingsText } from './text';

/** The settings as they are edited: a password goes in and never comes back. */
type Edited = Omit<Settings, 'mail'> & { mail: EditedMail | null };
type EditedMail = MailSettings & { password?: string };

/** What is sent of the settings: what the server only tells is left out. */
function changes({ public_url, retention_days, time_zone, mail }: Edited): SettingsForm {
  if (!mail) return { public_url, retention_days, time_zone, mail: null };
  const { host, port, security, username, from, password } = mail;
  return { public_url, retention_days, time_zone, mail: { host, port, security, username, from, ...(password ? { password } : {}) } };
}

const NO_MAIL: EditedMail = { host: '', port: 587, username: '', from: '', security: 'starttls', password_set: false };

function Form({ settings }: { settings: Settings }) {
  const t = useText(settingsText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const [form, setForm] = useState<Edited>(settings);
  const [error, setError] = useState<unknown>(null);
  const [told, setTold] = useState<{ good: boolean; text: string } | null>(null);
  const mail = form.mail;
  const changeMail = (change: Partial<EditedMail>) => setForm({ ...form, mail: { ...(mail ?? NO_MAIL), ...change } });
  const act = <T,>(what: Promise<T>, done: (value: T) => { good: boolean; text: string }) => {
    setError(null);
    setTold(null);
    what.then((value) => setTold(done(value))).catch(setError);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    act(
      api.put('/api/settings', { body: changes(form) }).then(() => client.invalidateQueries({ queryKey: ['settings'] })),
      () => ({ good: true, text: t.saved }),
    );
  };
  return (
    <form className="panel stack" onSubmit={submit}>
      <PublicUrl value={form.public_url ?? ''} now={settings.public_url_now} onChange={(value) => setForm({ ...form, public_url: value })} />
      <div className="columns">
        <Field label={t.retention} hint={t.retentionHint}>
          <Input type="number" min={1} value={String(form.retention_days ?? '')} onChange={(_, data) => setForm({ ...form, retention_days: Number(data.value) })} />
        </Field>
        <Field label={t.timeZone}>
          <Input value={form.time_zone ?? ''} onChange={(_, data) => setForm({ ...form, time_zone: data.value })} />
        </Field>
      </div>
      <h3>{t.mail}</h3>
      <Checkbox label={t.useMail} checked={mail !== null} onChange={(_, data) => setForm({ ...form, mail: data.checked ? (settings.mail ?? NO_MAIL) : null })} />
      {mail && (
        <>
          <p className="quiet">{t.mailHint}</p>
          <div className="columns">
            <Field label={t.host}><Input value={mail.host} onChange={(_, data) => changeMail({ host: data.value })} /></Field>
            <Field label={t.port}><Input type="number" value={String(mail.port)} onChange={(_, data) => changeMail({ port: Number(data.value) })} /></Field>
            <Field label={t.username}><Input value={mail.username ?? ''} onChange={(_, data) => changeMail({ username: data.value })} autoComplete="off" /></Field>
            <Field label={t.password} hint={mail.password_set ? t.keepEmpty : undefined}>
              <Input type="password" value={mail.password ?? ''} onChange={(_, data) => changeMail({ password: data.value })} autoComplete="new-password" />
            </Field>
            <Field label={t.from}><Input value={mail.from} onChange={(_, data) => changeMail({ from: data.value })} /></Field>
            <Field label={t.security}>
              <Select value={mail.security} onChange={(_, data) => changeMail({ security: data.value })}>
                <option value="starttls">STARTTLS</option>
                <option value="tls">TLS</option>
                <option value="none">–</option>
              </Select>
            </Field>
          </div>
          <div className="commands">
            <Button onClick={() => act(api.post('/api/settings/mail-test'), () => ({ good: true, text: t.testSent }))}>{t.sendTest}</Button>
          </div>
        </>
      )}
      <ProblemBar error={error} />
      <div role="status">
        {told && <MessageBar intent={told.good ? 'success' : 'warning'} layout="multiline"><MessageBarBody>{told.text}</MessageBarBody></MessageBar>}
      </div>
      <div className="commands"><Button type="submit" appearance="primary">{shared.save}</Button></div>
    </form>
  );
}

function AboutServer() {
  const t = useText(settingsText);
  const { language } = useLanguage();
  const number = (value: number) => value.toLocaleString(language);
  const about = useQuery({ queryKey: ['about'], queryFn: ({ signal }) => api.get('/api/about', { signal }) });
  return (
    <section className="panel stack" aria-labelledby="about-title">
      <h2 id="about-title">{t.about}</h2>
      <Loaded query={about} rows={2}>
        {(data) => (
          <dl className="facts">
            <dt>{t.version}</dt><dd>{data.version}</dd>
            <dt>{t.licence}</dt><dd>{data.license}</dd>
            <dt>{t.data}</dt><dd><code>{data.data}</code></dd>
            <dt>{t.dataBytes}</dt><dd>{bytesText(data.data_bytes, language)}</dd>
            <dt>{t.counts}</dt><dd>{t.countsText(number(data.flows), number(data.connectors), number(data.connections), number(data.users))}</dd>
            <dt>{t.runsEnded}</dt><dd>{number(data.runs_ended)}</dd>
            <dt>{t.uptime}</dt><dd>{duration(data.uptime_ms)}</dd>
          </dl>
        )}
      </Loaded>
      <p><a href={addressOf('/api/openapi.json')} target="_blank" rel="noreferrer">{t.apiDocument}</a></p>
    </section>
  );
}

function OwnersPart() {
  const settings = useQuery({ queryKey: ['settings'], queryFn: ({ signal }) => api.get('/api/settings', { signal }) });
  return (
    <>
      <Overview />
      <Loaded query={settings}>{(data) => <Form settings={data} />}</Loaded>
      <Backup />
    </>
  );
}

export function Server() {
  const t = useText(settingsText);
  const session = useQuery(sessionQuery);
  return (
    <>
      {session.data?.user.role === 'owner' ? <OwnersPart /> : <p className="panel quiet">{t.ownersOnlyServer}</p>}
      <AboutServer />
    </>
  );
}
