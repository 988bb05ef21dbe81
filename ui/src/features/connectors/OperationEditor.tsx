/** The form of one trigger or action of a connector. */
import { Badge, Button, Field, Input, MessageBar, MessageBarBody, Radio, RadioGroup, Select, Textarea } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import { useEffect, useState } from 'react';
import type { Connector, OperationForm, OperationSummary, FormParameter, Visibility } from '../../api/types';
import { useText } from '../../shared/language';
import { DeclarationsSection } from './Declarations';
import { DeleteRequestSection } from './DeleteRequest';
import { callbackChoices, callbackOf, isWebhook, parameterLabel, problemsOf, sameCallback, withCallback, withRequest } from './operation-form';
import { ParameterDialog } from './ParameterDialog';
import type { SectionPlace } from './places';
import { PayloadSample, RequestSample } from './SampleDialogs';
import { SchemaTree } from './SchemaTree';
import { connectorsText } from './text';

function Notes({ notes }: { notes: string[] }) {
  if (notes.length === 0) return null;
  return (
    <MessageBar intent="info" layout="multiline">
      <MessageBarBody><ul className="diagnostics">{notes.map((note) => <li key={note}>{note}</li>)}</ul></MessageBarBody>
    </MessageBar>
  );
}

/** What a parameter is, in few words: name, whether it is needed, its type, its default, who sees it, whose choices it has. */
function Chip({ parameter, isCallback, onOpen }: { parameter: FormParameter; isCallback: boolean; onOpen: () => void }) {
  const t = useText(connectorsText);
  const standard = parameter.default === undefined || parameter.default === null ? '' : typeof parameter.default === 'string' ? parameter.default : JSON.stringify(parameter.default);
  const details = [
    t.places[parameter.in] ?? parameter.in,
    typeof parameter.schema.type === 'string' ? (t.types[parameter.schema.type] ?? parameter.schema.type) : '',
    standard && `= ${standard.slice(0, 24)}`,
    parameter.visibility && (t.visibilities[parameter.visibility] ?? parameter.visibility),
    parameter.dynamic_values !== undefined && t.dynamic,
    isCallback && t.callbackMark,
  ].filter(Boolean);
  const name = `${parameterLabel(parameter)}${parameter.required ? ' *' : ''}`;
  return (
    <Button size="small" className="chip" aria-label={t.editParameter([name, ...details].join(' · '))} title={parameter.description || parameter.summary || undefined} onClick={onOpen}>
      <span>{name}</span> <span className="quiet small">{details.join(' · ')}</span>
    </Button>
  );
}

export function OperationEditor({
  connector,
  form,
  others,
  saved,
  at,
  onChange,
  onDelete,
}: {
  connector: Connector;
  form: OperationForm;
  others: OperationSummary[];
  /** Whether the server has this very form. */
  saved: boolean;
  /** Where a problem led to. */
  at: SectionPlace | null;
  onChange: (form: OperationForm) => void;
  onDelete?: () => void;
}) {
  const t = useText(connectorsText);
  const [dialog, setDialog] = useState<'request' | 'payload' | null>(null);
  const [edited, setEdited] = useState<FormParameter | null>(null);
  const [notes, setNotes] = useState<string[]>([]);
  const [payloadNotes, setPayloadNotes] = useState<string[]>([]);
  useEffect(() => {
    if (!at) return;
    const heading = document.getElementById(`op-${at.section}`) ?? document.getElementById('op-general');
    heading?.scrollIntoView({ block: 'start' });
    heading?.focus({ preventScroll: true });
  }, [at]);
  const isTrigger = form.role === 'trigger';
  const webhook = isWebhook(form);
  const problems = problemsOf(form, others);
  const schema = webhook ? form.notification_schema : form.response_schema;
  const setSchema = (next: typeof schema) => onChange({ ...form, ...(webhook ? { notification_schema: next } : { response_schema: next }) } as OperationForm);
  const setParameters = (parameters: FormParameter[]) => onChange({ ...form, request: { ...form.request, parameters } });
  const choices = callbackChoices(form.request.parameters);
  const isCallback = (parameter: FormParameter) => webhook && sameCallback(form.callback_parameter, callbackOf(parameter));
  const chosen = choices.find(isCallback);
  const headers = form.notification_headers ?? [];
  return (
    <div className="stack">
      <section className="panel stack" aria-labelledby="op-general">
        <h2 id="op-general" tabIndex={-1}>{t.general}</h2>
        <Field label={t.summary} required><Input value={form.summary} onChange={(_, data) => onChange({ ...form, summary: data.value })} /></Field>
        <Field label={t.description}><Textarea value={form.description} onChange={(_, data) => onChange({ ...form, description: data.value })} /></Field>
        <Field label={t.operationId} required><Input value={form.operation_id} onChange={(_, data) => onChange({ ...form, operation_id: data.value })} /></Field>
        <Field label={t.visibility}>
          <RadioGroup layout="horizontal" value={form.visibility || 'none'} onChange={(_, data) => onChange({ ...form, visibility: (data.value === 'none' ? '' : data.value) as Visibility })}>
            {Object.entries(t.visibilities).map(([value, label]) => <Radio key={value} value={value || 'none'} label={label} />)}
          </RadioGroup>
        </Field>
        {isTrigger && (
          <>
            <Field label={t.triggerType}>
              <RadioGroup layout="horizontal" value={form.trigger_kind ?? 'webhook'} onChange={(_, data) => onChange({ ...form, trigger_kind: data.value as 'webhook' | 'polling' })}>
                <Radio value="webhook" label={t.webhook} />
                <Radio value="polling" label={t.polling} />
              </RadioGroup>
            </Field>
            <Field label={webhook ? t.notificationHolds : t.answerHolds}>
              <RadioGroup layout="horizontal" value={form.mode ?? 'single'} onChange={(_, data) => onChange({ ...form, mode: data.value as 'single' | 'batch' })}>
                <Radio value="single" label={t.oneEvent} />
                <Radio value="batch" label={t.listOfEvents} />
              </RadioGroup>
            </Field>
          </>
        )}
      </section>
      <section className="panel stack" aria-labelledby="op-request">
        <div className="row">
          <h2 id="op-request" tabIndex={-1} className="grow">{t.request}</h2>
          <Button aria-label={`${t.request}: ${t.importSample}`} onClick={() => setDialog('request')}>{t.importSample}</Button>
        </div>
        {form.request.path ? (
          <>
            <code>{form.request.method.toUpperCase()} {form.request.path}</code>
            <div className="chips">
              {form.request.parameters.map((parameter) => <Chip key={`${parameter.in}:${parameter.key}`} parameter={parameter} isCallback={isCallback(parameter)} onOpen={() => setEdited(parameter)} />)}
            </div>
          </>
        ) : (
          <p className="quiet">{t.noRequest}</p>
        )}
        <Notes notes={notes} />
      </section>
      <section className="panel stack" aria-labelledby="op-response">
        <div className="row">
          <h2 id="op-response" tabIndex={-1} className="grow">{webhook ? t.webhookResponse : t.response}</h2>
          <Button aria-label={`${webhook ? t.webhookResponse : t.response}: ${t.importSample}`} onClick={() => setDialog('payload')}>{t.importSample}</Button>
        </div>
        {webhook && headers.length > 0 && (
          <div className="row wrap">
            <span>{t.headers}:</span>
            {headers.map((name) => (
              <Badge key={name} appearance="outline" size="large">
                <code>{name}</code>
                <Button size="small" appearance="transparent" icon={<DismissRegular />} aria-label={t.dropField(name)} onClick={() => onChange({ ...form, notification_headers: headers.filter((item) => item !== name) })} />
              </Badge>
            ))}
          </div>
        )}
        {schema ? <SchemaTree schema={schema} onChange={setSchema} /> : <p className="quiet">{t.noSchema}</p>}
        <Notes notes={payloadNotes} />
      </section>
      {webhook && (
        <section className="panel stack" aria-labelledby="op-config">
          <h2 id="op-config" tabIndex={-1}>{t.triggerConfiguration}</h2>
          <Field label={t.callback} required>
            <Select value={chosen?.key ?? ''} onChange={(_, data) => onChange(withCallback(form, choices.find((parameter) => parameter.key === data.value) ?? null))}>
              <option value="">{t.chooseCallback}</option>
              {choices.map((parameter) => <option key={parameter.key} value={parameter.key}>{parameterLabel(parameter)}</option>)}
            </Select>
          </Field>
        </section>
      )}
      {webhook && <DeclarationsSection form={form} onChange={onChange} />}
      {webhook && <DeleteRequestSection connector={connector} form={form} others={others} saved={saved} onChange={onChange} />}
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
          connector={connector}
          onClose={() => setDialog(null)}
          onDone={(request, told) => {
            onChange(withRequest(form, request));
            setNotes(told);
            setDialog(null);
          }}
        />
      )}
      {dialog === 'payload' && (
        <PayloadSample
          withHeaders={webhook}
          onClose={() => setDialog(null)}
          onDone={(next) => {
            onChange({ ...form, ...(webhook ? { notification_schema: next.schema, notification_headers: next.headers } : { response_schema: next.schema }) });
            setPayloadNotes(next.notes);
            setDialog(null);
          }}
        />
      )}
      {edited && (
        <ParameterDialog
          connector={connector}
          others={others}
          siblings={form.request.parameters.filter((item) => item !== edited)}
          parameter={edited}
          onClose={() => setEdited(null)}
          onDone={(parameter) => {
            setParameters(form.request.parameters.map((item) => (item === edited ? parameter : item)));
            setEdited(null);
          }}
          onRemove={() => {
            setParameters(form.request.parameters.filter((item) => item !== edited));
            setEdited(null);
          }}
        />
      )}
    </div>
  );
}
