/** The server: public URL with its check from outside, history, mail, about. */
import { Button, Checkbox, Field, Input, MessageBar, MessageBarBody, Select } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { addressOf, api } from '../../api/client';
import type { MailSettings, Settings } from '../../api/types';
import { useText } from '../../shared/language';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { duration } from '../../shared/time';
import { settingsText } from './text';

/** The settings as they are edited: a password goes in and never comes back. */
type Edited = Omit<Settings, 'mail'> & { mail: EditedMail | null };
type EditedMail = MailSettings & { password?: string };

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
      api.put('/api/settings', { body: form }).then(() => client.invalidateQueries({ queryKey: ['settings'] })),
      () => ({ good: true, text: t.saved }),
    );
  };
  return (
    <form className="panel stack" onSubmit={submit}>
      <Field label={t.publicUrl} hint={t.publicUrlHint}>
        <Input type="url" value={form.public_url ?? ''} onChange={(_, data) => setForm({ ...form, public_url: data.value })} />
      </Field>
      <div className="commands">
        <Button
          onClick={() =>
            act(api.post('/api/settings/public-url-check', { body: {} }), (answer) => ({
              good: answer.verdict === 'public',
              text: [t.verdicts[answer.verdict], ...answer.checks.map((check) => check.detail), answer.hint, answer.unknown].filter(Boolean).join(' '),
            }))
          }
        >
          {t.checkUrl}
        </Button>
      </div>
      <div className="columns">
        <Field label={t.retention}>
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

export function Server() {
  const t = useText(settingsText);
  const settings = useQuery({ queryKey: ['settings'], queryFn: ({ signal }) => api.get('/api/settings', { signal }) });
  const about = useQuery({ queryKey: ['about'], queryFn: ({ signal }) => api.get('/api/about', { signal }) });
  return (
    <>
      <Loaded query={settings}>{(data) => <Form settings={data} />}</Loaded>
      <section className="panel stack">
        <h2>{t.about}</h2>
        <Loaded query={about} rows={2}>
          {(data) => (
            <dl className="facts">
              <dt>{t.version}</dt><dd>{data.version}</dd>
              {data.data && (<><dt>{t.data}</dt><dd><code>{data.data}</code></dd></>)}
              {data.uptime_ms !== undefined && (<><dt>{t.uptime}</dt><dd>{duration(data.uptime_ms)}</dd></>)}
            </dl>
          )}
        </Loaded>
        <p className="quiet">{t.backup}</p>
        <p><a href={addressOf('/api/openapi.json')} target="_blank" rel="noreferrer">{t.apiDocument}</a></p>
      </section>
    </>
  );
}
