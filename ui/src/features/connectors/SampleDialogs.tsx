/** Importing a request or a payload from a sample that was pasted. */
import { Button, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Json, JsonSchema, RequestForm, Sample } from '../../api/types';
import { Modal } from '../../shared/bits';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { headersOf } from './operation-form';
import { connectorsText } from './text';

const VERBS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

export function RequestSample({ onDone, onClose }: { onDone: (form: RequestForm, notes: string[]) => void; onClose: () => void }) {
  const t = useText(connectorsText);
  const [method, setMethod] = useState('POST');
  const [url, setUrl] = useState('');
  const [headers, setHeaders] = useState('');
  const [body, setBody] = useState('');
  const [curl, setCurl] = useState('');
  const [error, setError] = useState<unknown>(null);
  const load = () => {
    let sample: Sample = { curl };
    if (!curl.trim()) {
      try {
        sample = { method, url, headers: headersOf(headers), ...(body.trim() ? { body: JSON.parse(body) as Json } : {}) };
      } catch {
        setError(new Error(t.badJson));
        return;
      }
    }
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

export function PayloadSample({ onDone, onClose }: { onDone: (schema: JsonSchema) => void; onClose: () => void }) {
  const t = useText(connectorsText);
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
    api.post('/api/authoring/schema-from-samples', { body: { samples: [sample] } })
      .then((answer) => onDone(answer.schema))
      .catch(setError);
  };
  return (
    <Modal open wide title={t.responseTitle} onClose={onClose} actions={<Button appearance="primary" disabled={!body.trim()} onClick={load}>{t.importAction}</Button>}>
      <Field label={t.body}><Textarea value={body} rows={14} className="mono" resize="vertical" onChange={(_, data) => setBody(data.value)} /></Field>
      <ProblemBar error={error} />
    </Modal>
  );
}
