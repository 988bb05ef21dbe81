/** The form of a built-in trigger or action. */
import { Button } from '@fluentui/react-components';
import { DismissRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { isObject, typeOf, valueAt, type JsonObject } from '../../flow-model/definition';
import { addCase, removeCase, setMember } from '../../flow-model/edits';
import type { Builtin, FieldForm } from '../../flow-model/builtins';
import { useLanguage, useText } from '../../shared/language';
import { ConditionField } from './ConditionField';
import { useDesigner } from './context';
import { AnyValue, BooleanValue, ChoiceValue, JsonValue, NumberValue, TextValue, type FieldProps } from './fields';
import { MapValue } from './SchemaField';
import { designerText } from './text';

export function BuiltinForm({ step, held, builtin }: { step: string | null; held: JsonObject; builtin: Builtin }) {
  const t = useText(designerText);
  const { language } = useLanguage();
  const { edit } = useDesigner();
  const [all, setAll] = useState(false);
  const draw = (form: FieldForm) => {
    const key = form.path.join('/');
    const props: FieldProps = {
      label: form.label[language],
      value: valueAt(held, form.path),
      onChange: (value) => edit((before) => ({ ...before, definition: setMember(before.definition, step, form.path, value === undefined && form.required ? '' : value) }), `${step}/${key}`),
      step,
      fieldKey: `${step ?? '$trigger'}/${key}`,
      required: form.required ?? false,
    };
    switch (form.kind) {
      case 'text': return <TextValue key={key} {...props} />;
      case 'value': return <AnyValue key={key} {...props} />;
      case 'number': return <NumberValue key={key} {...props} />;
      case 'boolean': return <BooleanValue key={key} {...props} />;
      case 'select': return <ChoiceValue key={key} {...props} options={(form.options ?? []).map((value) => ({ value, title: value }))} />;
      case 'map': return <MapValue key={key} {...props} />;
      case 'condition': return <ConditionField key={key} {...props} />;
      default: return <JsonValue key={key} {...props} />;
    }
  };
  const plain = builtin.fields.filter((form) => !form.advanced);
  const advanced = builtin.fields.filter((form) => form.advanced);
  const cases = typeOf(held) === 'Switch' && isObject(held['cases']) ? Object.keys(held['cases']) : [];
  return (
    <div className="stack">
      {builtin.fields.length === 0 && <p className="quiet">{t.noParameters}</p>}
      {builtin.id === 'Request' && <p className="quiet small">{t.webhookAddress}</p>}
      {plain.map(draw)}
      {cases.map((name) => (
        <div key={name} className="case-row">
          <AnyValue
            label={t.caseValue(name)}
            value={valueAt(held, ['cases', name, 'case'])}
            onChange={(value) => edit((before) => ({ ...before, definition: setMember(before.definition, step, ['cases', name, 'case'], value ?? '') }), `${step}/case/${name}`)}
            step={step}
            fieldKey={`${step}/cases/${name}`}
          />
          <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.removeCase(name)} onClick={() => step !== null && edit((before) => ({ ...before, definition: removeCase(before.definition, step, name) }))} />
        </div>
      ))}
      {typeOf(held) === 'Switch' && step !== null && (
        <Button className="left" size="small" onClick={() => edit((before) => ({ ...before, definition: addCase(before.definition, step) }))}>{t.addCase}</Button>
      )}
      {advanced.length > 0 && (
        <Button appearance="transparent" className="left" aria-expanded={all} onClick={() => setAll(!all)}>{all ? t.hideAdvanced : t.showAdvanced} ({advanced.length})</Button>
      )}
      {all && advanced.map(draw)}
    </div>
  );
}
