/** The form of a built-in trigger or action. */
import { Button } from '@fluentui/react-components';
import { useState } from 'react';
import { typeOf, valueAt, type JsonObject } from '../../flow-model/definition';
import { setMember } from '../../flow-model/edits';
import type { Builtin, FieldForm } from '../../flow-model/builtins';
import { useLanguage, useText } from '../../shared/language';
import { ConditionField } from './ConditionField';
import { useDesigner } from './context';
import { AnyValue, BooleanValue, ChoiceValue, JsonValue, ListValue, NumberValue, TextValue, type FieldProps } from './fields';
import { AuthenticationField } from './forms/AuthenticationField';
import { CallingService } from './forms/CallingService';
import { CasesField } from './forms/CasesField';
import { ColumnsField } from './forms/ColumnsField';
import { DurationField } from './forms/DurationField';
import { FlowField } from './forms/FlowField';
import { InputsField } from './forms/InputsField';
import { ScriptField } from './forms/ScriptField';
import { MapField, SelectMap } from './forms/MapField';
import { RecurrenceField } from './forms/RecurrenceField';
import { SchemaSample } from './forms/SchemaSample';
import { TriggerAddress } from './forms/TriggerAddress';
import { TimeZoneField } from './forms/TimeZoneField';
import { VariableName, VariableValue } from './forms/VariableField';
import { designerText } from './text';

function BuiltinField({ form, step, held }: { form: FieldForm; step: string | null; held: JsonObject }) {
  const { language } = useLanguage();
  const { edit } = useDesigner();
  const key = form.path.join('/');
  const props: FieldProps = {
    label: form.label[language],
    value: valueAt(held, form.path),
    onChange: (value) => edit((before) => ({ ...before, definition: setMember(before.definition, step, form.path, value === undefined && form.required ? '' : value) }), `${step}/${key}`),
    step,
    fieldKey: `${step ?? '$trigger'}/${key}`,
    required: form.required ?? false,
    hint: form.hint?.[language],
  };
  switch (form.kind) {
    case 'text': return <TextValue {...props} />;
    case 'value': return <AnyValue {...props} />;
    case 'numeric': return <AnyValue {...props} numeric />;
    case 'code': return <ScriptField {...props} />;
    case 'flow': return <FlowField {...props} />;
    case 'number': return <NumberValue {...props} />;
    case 'boolean': return <BooleanValue {...props} />;
    case 'select': return <ChoiceValue {...props} options={(form.options ?? []).map((value) => ({ value, title: form.titles?.[value]?.[language] ?? value }))} />;
    case 'list': return <ListValue {...props} />;
    case 'map': return <MapField {...props} />;
    case 'selectMap': return <SelectMap {...props} />;
    case 'condition': return <ConditionField {...props} />;
    case 'inputs': return <InputsField {...props} />;
    case 'schema': return <SchemaSample {...props} />;
    case 'recurrence': return <RecurrenceField {...props} />;
    case 'authentication': return <AuthenticationField {...props} path={form.path} />;
    case 'columns': return <ColumnsField {...props} />;
    case 'timeZone': return <TimeZoneField {...props} />;
    case 'variable': return <VariableName {...props} held={held} />;
    case 'variableValue': return <VariableValue {...props} held={held} />;
    case 'duration': return <DurationField label={props.label} value={props.value === undefined || props.value === null ? '' : String(props.value)} onChange={props.onChange} />;
    default: return <JsonValue {...props} />;
  }
}

export function BuiltinForm({ step, held, builtin }: { step: string | null; held: JsonObject; builtin: Builtin }) {
  const t = useText(designerText);
  // What is set is shown, also where few people need it.
  const [all, setAll] = useState(() => builtin.fields.some((form) => form.advanced && valueAt(held, form.path) !== undefined));
  const fits = (form: FieldForm) => !form.only || form.only.among.includes(String(valueAt(held, form.only.path))) || valueAt(held, form.path) !== undefined;
  const plain = builtin.fields.filter((form) => !form.advanced && fits(form));
  const advanced = builtin.fields.filter((form) => form.advanced && fits(form));
  const draw = (form: FieldForm) => <BuiltinField key={form.path.join('/')} form={form} step={step} held={held} />;
  return (
    <div className="stack">
      {builtin.fields.length === 0 && <p className="quiet">{builtin.id === 'Scope' ? t.scopeHint : t.noParameters}</p>}
      {builtin.id === 'Request' && <TriggerAddress />}
      {builtin.id === 'Request' && <CallingService step={step} held={held} />}
      {plain.map(draw)}
      {typeOf(held) === 'Switch' && step !== null && <CasesField step={step} held={held} />}
      {advanced.length > 0 && (
        <Button appearance="transparent" className="left" aria-expanded={all} onClick={() => setAll(!all)}>{all ? t.hideAdvanced : t.showAdvanced} ({advanced.length})</Button>
      )}
      {all && advanced.map(draw)}
    </div>
  );
}
