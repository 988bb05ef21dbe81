/** One policy of a connector: a change of requests to the service or of its answers. */
import { Button, Checkbox, Field, Input, MessageBar, MessageBarBody, Radio, RadioGroup, Select } from '@fluentui/react-components';
import { useEffect, useRef } from 'react';
import { api } from '../../api/client';
import type { Connector, JsonObject, OperationSummary } from '../../api/types';
import { JsonView } from '../../shared/JsonView';
import { useText } from '../../shared/language';
import { useEdited } from './edited';
import { emptyPolicy, instanceOf, policyFormOf, problemsOfPolicy, TEMPLATES, titleOfPolicy, type PolicyForm, type PolicyTemplate } from './policies';
import { NOTHING_UNSAVED, type OnUnsaved } from './saver';
import { connectorsText } from './text';

function Fields({ form, operations, onChange }: { form: PolicyForm; operations: OperationSummary[]; onChange: (form: PolicyForm) => void }) {
  const t = useText(connectorsText);
  const problems = problemsOfPolicy(form);
  const choose = (id: string, on: boolean) => onChange({ ...form, operations: on ? [...form.operations, id] : form.operations.filter((item) => item !== id) });
  const ids = [...operations.map((operation) => operation.operation_id), ...form.operations.filter((id) => !operations.some((operation) => operation.operation_id === id))];
  return (
    <>
      <Field label={t.policyTitle} required><Input value={form.title} onChange={(_, data) => onChange({ ...form, title: data.value })} /></Field>
      <Field label={t.policyTemplate}>
        <Select value={form.template} onChange={(_, data) => onChange({ ...form, template: data.value as PolicyTemplate })}>
          {(Object.keys(TEMPLATES) as PolicyTemplate[]).map((template) => <option key={template} value={template}>{t.policyTemplates[template]}</option>)}
        </Select>
      </Field>
      <div className="columns">
        <Field label={t.policyNames[form.template]} required><Input className="mono" value={form.name} onChange={(_, data) => onChange({ ...form, name: data.value })} /></Field>
        <Field label={t.policyValue} required><Input className="mono" value={form.value} onChange={(_, data) => onChange({ ...form, value: data.value })} /></Field>
        <Field label={t.policyExists}>
          <Select value={form.exists} onChange={(_, data) => onChange({ ...form, exists: data.value as PolicyForm['exists'] })}>
            <option value="override">{t.policyOverride}</option>
            <option value="append">{t.policyAppend}</option>
            <option value="skip">{t.policySkip}</option>
          </Select>
        </Field>
      </div>
      <Field label={t.policyOn}>
        <RadioGroup layout="horizontal" value={form.section} onChange={(_, data) => onChange({ ...form, section: data.value as PolicyForm['section'] })}>
          <Radio value="Request" label={t.request} />
          <Radio value="Response" label={t.response} />
        </RadioGroup>
      </Field>
      {/* Not a Field: that would give all of them one identifier. */}
      <fieldset className="plain">
        <legend>{t.policyOperations}</legend>
        <p className="quiet small">{t.policyOperationsHint}</p>
        <div className="checks">
          {ids.map((id) => <Checkbox key={id} label={operations.find((operation) => operation.operation_id === id)?.summary || id} checked={form.operations.includes(id)} onChange={(_, data) => choose(id, data.checked === true)} />)}
        </div>
      </fieldset>
      <div role="status">
        {problems.length > 0 && <ul className="diagnostics">{problems.map((problem) => <li key={problem} data-severity="error">{t[problem]}</li>)}</ul>}
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
    const save = async (etag: string) => {
      const now = latest.current;
      const made = now.form ? instanceOf(now.form, now.before) : now.before;
      const next = made === null ? now.instances : index === null ? [...now.instances, made] : now.instances.map((item, at) => (at === index ? made : item));
      const stored = await api.put('/api/connectors/{id}/policies', { path: { id: connector.id }, body: { instances: next }, etag });
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
