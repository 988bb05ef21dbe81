/** The inputs of a flow that is started by hand: what a person is asked for. */
import { Button, Checkbox, Field, Input, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components';
import { AddRegular, DeleteRegular } from '@fluentui/react-icons';
import { isObject, type JsonObject } from '../../../flow-model/definition';
import { changedInput, INPUT_KINDS, requiredInput, runFields, withInput, withoutInput } from '../../../flow-model/run-inputs';
import { useText } from '../../../shared/language';
import type { FieldProps } from '../fields';
import { formText } from './text';

export function InputsField({ value, onChange }: FieldProps) {
  const t = useText(formText);
  const schema: JsonObject = isObject(value) ? value : { type: 'object', properties: {} };
  const fields = runFields(schema);
  return (
    <div className="stack">
      {fields.length === 0 && <p className="quiet">{t.noInputs}</p>}
      {fields.map((field) => (
        <fieldset key={field.name} className="panel stack tight run-input">
          <legend>{t.inputKinds[field.kind] ?? field.kind}</legend>
          <div className="row">
            <Field label={t.inputTitle} className="grow"><Input value={field.title} onChange={(_, data) => onChange(changedInput(schema, field.name, { title: data.value }))} /></Field>
            <Button appearance="subtle" icon={<DeleteRegular />} aria-label={t.removeInput(field.title)} onClick={() => onChange(withoutInput(schema, field.name))} />
          </div>
          <Field label={t.inputHelp}><Input value={field.description} onChange={(_, data) => onChange(changedInput(schema, field.name, { description: data.value }))} /></Field>
          {field.kind === 'choice' && (
            <Field label={t.inputChoices} hint={t.inputChoicesHint}>
              <Input defaultValue={field.choices.join(', ')} onChange={(_, data) => onChange(changedInput(schema, field.name, { enum: data.value.split(',').map((choice) => choice.trim()).filter(Boolean) }))} />
            </Field>
          )}
          <Checkbox checked={field.required} label={t.inputRequired} onChange={(_, data) => onChange(requiredInput(schema, field.name, data.checked === true))} />
        </fieldset>
      ))}
      <Menu>
        <MenuTrigger disableButtonEnhancement><Button icon={<AddRegular />} className="left">{t.addInput}</Button></MenuTrigger>
        <MenuPopover>
          <MenuList>{INPUT_KINDS.map((kind) => <MenuItem key={kind} onClick={() => onChange(withInput(schema, kind, t.inputKinds[kind] ?? kind))}>{t.inputKinds[kind]}</MenuItem>)}</MenuList>
        </MenuPopover>
      </Menu>
    </div>
  );
}
