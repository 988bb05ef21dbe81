/** One policy of a connector: a change of requests to the service or of its answers. */
import { Button, Checkbox, Field, Input, MessageBar, MessageBarBody, Radio, RadioGroup, Select, Switch, Textarea } from '@fluentui/react-components';
import { useEffect, useRef } from 'react';
import { api } from '../../api/client';
import type { Connector, JsonObject, OperationSummary } from '../../api/types';
import { JsonView } from '../../shared/JsonView';
import { useText } from '../../shared/language';
import { useEdited } from './edited';
import { emptyPolicy, instanceOf, parametersOfTemplate, policyFormOf, problemsOfPolicy, SAME_METHOD, TEMPLATES, titleOfPolicy, withTemplate, type PolicyForm, type PolicyParameter, type PolicyTemplate } from './policies';
import { policyText } from './policy-text';
import { NOTHING_UNSAVED, type OnUnsaved } from './saver';
import { connectorsText } from './text';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

function ParameterInput({ parameter, value, onChange }: { parameter: PolicyParameter; value: string; onChange: (value: string) => void }) {
  const t = useText(policyText);
  switch (parameter.input) {
    case 'exists':
      return <Select value={value} onChange={(_, data) => onChange(data.value)}>{Object.entries(t.exists).map(([own, label]) => <option key={own} value={own}>{label}</option>)}</Select>;
    case 'flag':
      return <Switch checked={value === 'true'} onChange={(_, data) => onChange(String(data.checked))} />;
    case 'method': {
      const methods = METHODS.includes(value.toUpperCase()) || value === SAME_METHOD ? METHODS : [...METHODS, value];
      return (
        <Select value={METHODS.find((own) => own === value.toUpperCase()) ?? value} onChange={(_, data) => onChange(data.value)}>
          {parameter.usual === SAME_METHOD && <option value={SAME_METHOD}>{t.sameMethod}</option>}
          {methods.map((own) => <option key={own} value={own}>{own}</option>)}
        </Select>
      );
    }
    case 'json':
      return <Textarea className="mono" rows={4} resize="vertical" value={value} onChange={(_, data) => onChange(data.value)} />;
    default:
      return <Input className="mono" value={value} onChange={(_, data) => onChange(data.value)} />;
  }
}

function Fields({ form, operations, onChange }: { form: PolicyForm; operations: OperationSummary[]; onChange: (form: PolicyForm) => void }) {
  const t = useText(connectorsText);
  const own = useText(policyText);
  const problems = problemsOfPolicy(form);
  const parameters = parametersOfTemplate(form.template);
  const labelOf = (name: string) => (name === 'title' ? t.policyTitle : (own.parameters[name] ?? name));
  const isJson = (name: string) => parameters.some((parameter) => parameter.name === name && parameter.input === 'json');
  const choose = (id: string, on: boolean) => onChange({ ...form, operations: on ? [...form.operations, id] : form.operations.filter((item) => item !== id) });
  const ids = [...operations.map((operation) => operation.operation_id), ...form.operations.filter((id) => !operations.some((operation) => operation.operation_id === id))];
  return (
    <>
      <Field label={t.policyTitle} required><Input value={form.title} onChange={(_, data) => onChange({ ...form, title: data.value })} /></Field>
      <Field label={t.policyTemplate}>
        <Select value={form.template} onChange={(_, data) => onChange(withTemplate(form, data.value as PolicyTemplate))}>
          {(Object.keys(TEMPLATES) as PolicyTemplate[]).map((template) => <option key={template} value={template}>{own.templates[template]}</option>)}
        </Select>
      </Field>
      {parameters.map((parameter) => {
        const hint = own.hints[parameter.name];
        return (
          <Field key={`${form.template} ${parameter.name}`} label={labelOf(parameter.name)} required={parameter.required} {...(hint ? { hint } : {})}>
            <ParameterInput parameter={parameter} value={form.values[parameter.name] ?? ''} onChange={(value) => onChange({ ...form, values: { ...form.values, [parameter.name]: value } })} />
          </Field>
        );
      })}
      {TEMPLATES[form.template].onAnswers && (
        <Field label={t.policyOn}>
          <RadioGroup layout="horizontal" value={form.section} onChange={(_, data) => onChange({ ...form, section: data.value as PolicyForm['section'] })}>
            <Radio value="Request" label={t.request} />
            <Radio value="Response" label={t.response} />
            <Radio value="Failure" label={own.answerFailed} />
          </RadioGroup>
        </Field>
      )}
      {/* Not a Field: that would give all of them one identifier. */}
      <fieldset className="plain">
        <legend>{t.policyOperations}</legend>
        <p className="quiet small">{t.policyOperationsHint}</p>
        <div className="checks">
          {ids.map((id) => <Checkbox key={id} label={operations.find((operation) => operation.operation_id === id)?.summary || id} checked={form.operations.includes(id)} onChange={(_, data) => choose(id, data.checked === true)} />)}
        </div>
      </fieldset>
      <div role="status">
        {problems.length > 0 && <ul className="diagnostics">{problems.map((problem) => <li key={problem} data-severity="error">{isJson(problem) ? own.notAnObject(labelOf(problem)) : own.missing(labelOf(problem))}</li>)}</ul>}
      </div>
    </>
  );
}

export function PolicyEditor({ connector, instances, index, onUnsaved, onSaved, onDelete }: {
  connector: Connector;
  instances: JsonObject[];
  /** The place in the list; null for a new one. */
  index: number | null;
  onUnsaved: OnUnsaved;
  onSaved: (index: number) => void;
  onDelete: () => void;
}) {
  const t = useText(connectorsText);
  const before = index === null ? null : (instances[index] ?? null);
  const held = before ? policyFormOf(before) : emptyPolicy();
  const { value: form, setValue: setForm, dirty, setStored } = useEdited<PolicyForm | null>(held);
  const complete = form !== null && problemsOfPolicy(form).length === 0;
  const latest = useRef({ form, instances, before });
  useEffect(() => {
    latest.current = { form, instances, before };
  });
  useEffect(() => {
    const save = async (etag: string, accept: boolean) => {
      const now = latest.current;
      const made = now.form ? instanceOf(now.form, now.before) : now.before;
      const next = made === null ? now.instances : index === null ? [...now.instances, made] : now.instances.map((item, at) => (at === index ? made : item));
      const stored = await api.put('/api/connectors/{id}/policies', { path: { id: connector.id }, query: { accept_breaks: accept }, body: { instances: next }, etag });
      setStored(now.form);
      onSaved(index ?? next.length - 1);
      return stored;
    };
    onUnsaved({ dirty, save: dirty && complete ? save : null });
    return () => onUnsaved(NOTHING_UNSAVED);
  }, [dirty, complete, connector.id, index, onUnsaved, onSaved, setStored]);
  return (
    <section className="panel stack" aria-labelledby="policy">
      <div className="row">
        <h2 id="policy" className="grow">{before ? titleOfPolicy(before) : t.newPolicy}</h2>
      </div>
      {form ? (
        <Fields form={form} operations={connector.operations} onChange={setForm} />
      ) : (
        <>
          <MessageBar intent="info" layout="multiline"><MessageBarBody>{t.policyUnknown}</MessageBarBody></MessageBar>
          <JsonView value={before} fileName="policy.json" />
        </>
      )}
      {index !== null && <div className="commands"><Button onClick={onDelete}>{t.deletePolicy}</Button></div>}
    </section>
  );
}
