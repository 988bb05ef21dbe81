/** The choices of a parameter that only the service knows: which operation tells them, and where in its answer they are. */
import { Button, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import type { Connector, FormParameter, OperationSummary } from '../../api/types';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import type { DynamicValues } from './dynamic-values';
import { operationQuery } from './operation-query';
import { connectorsText } from './text';

/** What the dialog holds: the form, or the text of what the form does not understand. */
export type DynamicChoice = { kind: 'form'; form: DynamicValues } | { kind: 'text'; text: string };

export function DynamicValuesFields({ connector, others, siblings, choice, bad, onChange }: {
  connector: Connector;
  others: OperationSummary[];
  siblings: FormParameter[];
  choice: DynamicChoice;
  bad: boolean;
  onChange: (choice: DynamicChoice) => void;
}) {
  const t = useText(connectorsText);
  const form = choice.kind === 'form' ? choice.form : null;
  const known = form !== null && others.some((other) => other.operation_id === form.operation);
  const detail = useQuery({ ...operationQuery(connector.id, form?.operation ?? ''), enabled: known });
  if (!form) {
    return (
      <Field label={t.dynamicValuesJson} validationMessage={bad ? t.badJson : undefined}>
        <Textarea className="mono" value={choice.kind === 'text' ? choice.text : ''} onChange={(_, data) => onChange({ kind: 'text', text: data.value })} />
      </Field>
    );
  }
  const set = (change: Partial<DynamicValues>) => onChange({ kind: 'form', form: { ...form, ...change } });
  const given = (name: string) => form.parameters.find((item) => item.name === name) ?? { name, from: 'parameter' as const, value: '' };
  const give = (name: string, change: Partial<DynamicValues['parameters'][number]>) => set({ parameters: [...form.parameters.filter((item) => item.name !== name), { ...given(name), ...change }] });
  const asked = known ? (detail.data?.parameters ?? []).filter((parameter) => parameter.visibility !== 'internal') : [];
  return (
    <fieldset className="stack tight plain">
      <legend>{t.dynamicValues}</legend>
      <Field label={t.dynamicOperation}>
        <LongSelect
          empty={t.none}
          value={form.operation}
          options={[...others.filter((other) => other.role === 'action').map((other) => ({ value: other.operation_id, title: other.summary || other.operation_id, words: other.operation_id })), ...(form.operation && !known ? [{ value: form.operation, title: form.operation }] : [])]}
          onChange={(next) => set({ operation: next, parameters: [] })}
        />
      </Field>
      {form.operation && (
        <>
          <div className="columns">
            <Field label={t.valueCollection} hint={t.valueCollectionHint}><Input value={form.collection} onChange={(_, data) => set({ collection: data.value })} /></Field>
            <Field label={t.valuePath} required><Input value={form.value} onChange={(_, data) => set({ value: data.value })} /></Field>
            <Field label={t.titlePath}><Input value={form.title} onChange={(_, data) => set({ title: data.value })} /></Field>
          </div>
          {asked.map((parameter) => {
            const item = given(parameter.name);
            return (
              <div key={parameter.key} className="row from" role="group" aria-label={parameter.name}>
                <code className="from-name">{parameter.name}{parameter.required ? ' *' : ''}</code>
                <Select aria-label={t.valueOf(parameter.name)} value={item.from} onChange={(_, data) => give(parameter.name, { from: data.value as typeof item.from, value: '' })}>
                  <option value="parameter">{t.fromParameter}</option>
                  <option value="constant">{t.constant}</option>
                </Select>
                {item.from === 'parameter' ? (
                  <Select className="grow" aria-label={t.sourceValue(parameter.name)} value={item.value} onChange={(_, data) => give(parameter.name, { value: data.value })}>
                    <option value="" />
                    {siblings.map((sibling) => <option key={sibling.key}>{sibling.key}</option>)}
                    {item.value && !siblings.some((sibling) => sibling.key === item.value) && <option>{item.value}</option>}
                  </Select>
                ) : (
                  <Input className="grow" aria-label={t.sourceValue(parameter.name)} value={item.value} onChange={(_, data) => give(parameter.name, { value: data.value })} />
                )}
              </div>
            );
          })}
          <div><Button size="small" onClick={() => set({ operation: '', parameters: [] })}>{t.noDynamicValues}</Button></div>
        </>
      )}
    </fieldset>
  );
}
