/** The form of one trigger or action of a connector. */
import { Button, Field, Input, MessageBar, MessageBarBody, Radio, RadioGroup, Select, Textarea } from '@fluentui/react-components';
import { useState } from 'react';
import type { OperationForm, OperationSummary, FormParameter, Visibility } from '../../api/types';
import { useText } from '../../shared/language';
import { callbackChoices, callbackOf, parameterLabel, problemsOf, sameCallback, withCallback } from './operation-form';
import { ParameterDialog } from './ParameterDialog';
import { PayloadSample, RequestSample } from './SampleDialogs';
import { SchemaTree } from './SchemaTree';
import { connectorsText } from './text';

export function OperationEditor({
  form,
  others,
  saved,
  onChange,
  onDelete,
}: {
  form: OperationForm;
  others: OperationSummary[];
  /** Whether the server has this very form. */
  saved: boolean;
  onChange: (form: OperationForm) => void;
  onDelete?: () => void;
}) {
  const t = useText(connectorsText);
  const [dialog, setDialog] = useState<'request' | 'payload' | null>(null);
  const [edited, setEdited] = useState<FormParameter | null>(null);
  const [notes, setNotes] = useState<string[]>([]);
  const isTrigger = form.role === 'trigger';
  const isWebhook = isTrigger && form.trigger_kind !== 'polling';
  const problems = problemsOf(form, others);
  const schema = isTrigger ? form.notification_schema : form.response_schema;
  const setSchema = (next: typeof schema) => onChange({ ...form, ...(isTrigger ? { notification_schema: next } : { response_schema: next }) } as OperationForm);
  const setParameters = (parameters: FormParameter[]) => onChange({ ...form, request: { ...form.request, parameters } });
  const choices = callbackChoices(form.request.parameters);
  const chosen = choices.find((parameter) => sameCallback(form.callback_parameter, callbackOf(parameter)));
  return (
    <div className="stack">
      <section className="panel stack" aria-labelledby="op-general">
        <h2 id="op-general">{t.general}</h2>
        <Field label={t.summary} required><Input value={form.summary} onChange={(_, data) => onChange({ ...form, summary: data.value })} /></Field>
        <Field label={t.description}><Textarea value={form.description} onChange={(_, data) => onChange({ ...form, description: data.value })} /></Field>
        <Field label={t.operationId} required><Input value={form.operation_id} onChange={(_, data) => onChange({ ...form, operation_id: data.value })} /></Field>
        <Field label={t.visibility}>
          <RadioGroup layout="horizontal" value={form.visibility || 'none'} onChange={(_, data) => onChange({ ...form, visibility: (data.value === 'none' ? '' : data.value) as Visibility })}>
            {Object.entries(t.visibilities).map(([value, label]) => <Radio key={value} value={value || 'none'} label={label} />)}
          </RadioGroup>
        </Field>
        {isTrigger && (
          <Field label={t.triggerType}>
            <RadioGroup layout="horizontal" value={form.trigger_kind ?? 'webhook'} onChange={(_, data) => onChange({ ...form, trigger_kind: data.value as 'webhook' | 'polling' })}>
              <Radio value="webhook" label={t.webhook} />
              <Radio value="polling" label={t.polling} />
            </RadioGroup>
          </Field>
        )}
      </section>
      <section className="panel stack" aria-labelledby="op-request">
        <div className="row">
          <h2 id="op-request" className="grow">{t.request}</h2>
          <Button aria-label={`${t.request}: ${t.importSample}`} onClick={() => setDialog('request')}>{t.importSample}</Button>
        </div>
        {form.request.path ? (
          <>
            <code>{form.request.method.toUpperCase()} {form.request.path}</code>
            <div className="chips">
              {form.request.parameters.map((parameter) => {
                const shown = `${parameterLabel(parameter)}${parameter.required ? ' *' : ''}${parameter.visibility ? ` · ${t.visibilities[parameter.visibility] ?? parameter.visibility}` : ''}`;
                return (
                  <Button key={parameter.key} size="small" aria-label={t.editParameter(shown)} title={parameter.description || parameter.summary || undefined} onClick={() => setEdited(parameter)}>
                    {shown}
                  </Button>
                );
              })}
            </div>
          </>
        ) : (
          <p className="quiet">{t.noRequest}</p>
        )}
        {notes.length > 0 && (
          <MessageBar intent="info" layout="multiline">
            <MessageBarBody><ul className="diagnostics">{notes.map((note) => <li key={note}>{note}</li>)}</ul></MessageBarBody>
          </MessageBar>
        )}
      </section>
      <section className="panel stack" aria-labelledby="op-response">
        <div className="row">
          <h2 id="op-response" className="grow">{isWebhook ? t.webhookResponse : t.response}</h2>
          <Button aria-label={`${isWebhook ? t.webhookResponse : t.response}: ${t.importSample}`} onClick={() => setDialog('payload')}>{t.importSample}</Button>
        </div>
        {schema ? <SchemaTree schema={schema} onChange={setSchema} /> : <p className="quiet">{t.noSchema}</p>}
      </section>
      {isWebhook && (
        <section className="panel stack" aria-labelledby="op-config">
          <h2 id="op-config">{t.triggerConfiguration}</h2>
          <Field label={t.callback} required>
            <Select value={chosen?.key ?? ''} onChange={(_, data) => onChange(withCallback(form, choices.find((parameter) => parameter.key === data.value) ?? null))}>
              <option value="">{t.chooseCallback}</option>
              {choices.map((parameter) => <option key={parameter.key} value={parameter.key}>{parameterLabel(parameter)}</option>)}
            </Select>
          </Field>
        </section>
      )}
      <section className="panel stack tight" aria-labelledby="op-validation">
        <h2 id="op-validation">{t.validation}</h2>
        <div role="status">
          {problems.length === 0 ? (
            <MessageBar intent="success"><MessageBarBody>{saved ? t.validationOk : `${t.validationOk} ${t.unsaved}`}</MessageBarBody></MessageBar>
          ) : (
            <ul className="diagnostics">{problems.map((problem) => <li key={problem} data-severity="error">{t[problem]}</li>)}</ul>
          )}
        </div>
      </section>
      {onDelete && <div className="commands"><Button onClick={onDelete}>{t.deleteOperation}</Button></div>}
      {dialog === 'request' && (
        <RequestSample
          onClose={() => setDialog(null)}
          onDone={(request, told) => {
            onChange({ ...form, callback_parameter: null, request: { ...form.request, ...request, parameters: request.parameters ?? [] } });
            setNotes(told);
            setDialog(null);
          }}
        />
      )}
      {dialog === 'payload' && (
        <PayloadSample
          onClose={() => setDialog(null)}
          onDone={(next) => {
            setSchema(next);
            setDialog(null);
          }}
        />
      )}
      {edited && (
        <ParameterDialog
          parameter={edited}
          onClose={() => setEdited(null)}
          onDone={(parameter) => {
            setParameters(form.request.parameters.map((item) => (item.key === edited.key ? parameter : item)));
            setEdited(null);
          }}
          onRemove={() => {
            setParameters(form.request.parameters.filter((item) => item.key !== edited.key));
            setEdited(null);
          }}
        />
      )}
    </div>
  );
}
