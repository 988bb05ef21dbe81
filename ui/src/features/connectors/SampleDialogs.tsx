/** Importing a request or a payload from a sample that was pasted. */
import { Button, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Connector, Json, JsonSchema, RequestForm, Sample } from '../../api/types';
import { Modal } from '../../shared/bits';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { headersOf } from './operation-form';
import { connectorsText } from './text';

const VERBS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** What a webhook's sample taught. */
export interface SampledPayload {
  schema: JsonSchema;
  headers: string[];
  notes: string[];
}

export function RequestSample({ connector, onDone, onClose }: { connector: Connector; onDone: (form: RequestForm, notes: string[]) => void; onClose: () => void }) {
  const t = useText(connectorsText);
  const [method, setMethod] = useState('POST');
  const [url, setUrl] = useState('');
  const [headers, setHeaders] = useState('');
  const [body, setBody] = useState('');
  const [curl, setCurl] = useState('');
  const [error, setError] = useState<unknown>(null);
  const load = () => {
    const { authentication } = connector;
    const where = { host: connector.host, base_path: connector.base_path, ...(authentication.type === 'api_key' ? { key_name: authentication.name } : {}) };
    // The body goes as text: the server says what it made of one that is not JSON.
    const sample: Sample = curl.trim() ? { ...where, curl } : { ...where, method, url, headers: headersOf(headers), ...(body.trim() ? { body } : {}) };
    setError(null);
    api.post('/api/authoring/request-from-sample', { body: sample })
      .then((answer) => onDone(answer.form, answer.notes))
      .catch(setError);
  };
  return (
    <Modal open wide title={t.sampleTitle} onClose={onClose} actions={<Button appearance="primary" disabled={!url && !curl.trim()} onClick={load}>{t.importAction}</Button>}>
      <div className="row">
        <Field label={t.verb}>
          <Select value={method} onChange={(_, data) => setMethod(data.value)}>{VERBS.map((verb) => <option key={verb}>{verb}</option>)}</Select>
        </Field>
        <Field label={t.sampleUrl} className="grow"><Input value={url} onChange={(_, data) => setUrl(data.value)} placeholder="https://api.example.com/repos/{owner}/{repo}/hooks" /></Field>
      </div>
      <Field label={t.headers} hint={t.headersHint}><Textarea value={headers} rows={3} className="mono" onChange={(_, data) => setHeaders(data.value)} /></Field>
      <Field label={t.body}><Textarea value={body} rows={8} className="mono" resize="vertical" onChange={(_, data) => setBody(data.value)} /></Field>
      <Field label={t.curl}><Textarea value={curl} rows={2} className="mono" onChange={(_, data) => setCurl(data.value)} /></Field>
      <ProblemBar error={error} />
    </Modal>
  );
}

export function PayloadSample({ withHeaders, onDone, onClose }: { withHeaders: boolean; onDone: (sampled: SampledPayload) => void; onClose: () => void }) {
  const t = useText(connectorsText);
  const [headers, setHeaders] = useState('');
  const [body, setBody] = useState('');
  const [error, setError] = useState<unknown>(null);
  const load = () => {
    let sample: Json;
    try {
      sample = JSON.parse(body) as Json;
    } catch {
      setError(new Error(t.badJson));
      return;
    }
    setError(null);
    api.post('/api/authoring/schema-from-samples', { body: { samples: [sample], headers: headersOf(headers) } }).then(onDone).catch(setError);
  };
  return (
    <Modal open wide title={t.responseTitle} onClose={onClose} actions={<Button appearance="primary" disabled={!body.trim()} onClick={load}>{t.importAction}</Button>}>
      {withHeaders && <Field label={t.headers} hint={t.headersHint}><Textarea value={headers} rows={3} className="mono" onChange={(_, data) => setHeaders(data.value)} /></Field>}
      <Field label={t.body}><Textarea value={body} rows={12} className="mono" resize="vertical" onChange={(_, data) => setBody(data.value)} /></Field>
      <ProblemBar error={error} />
    </Modal>
  );
}
