/** A variable by its name, and a value of its type. */
import { useMemo } from 'react';
import { typeOf, valueAt, type JsonObject } from '../../../flow-model/definition';
import { VARIABLE_CHANGES } from '../../../flow-model/language';
import { variablesOf } from '../../../flow-model/variables';
import { useText } from '../../../shared/language';
import { useDesigner } from '../context';
import { AnyValue, BooleanValue, ChoiceValue, TextValue, type FieldProps } from '../fields';
import { formText } from './text';

/** The variables that an action of this type can change. */
export function VariableName({ held, ...props }: FieldProps & { held: JsonObject }) {
  const t = useText(formText);
  const { edited } = useDesigner();
  const action = typeOf(held);
  const names = useMemo(() => [...variablesOf(edited.definition)].filter(([, type]) => VARIABLE_CHANGES[action]?.includes(type)).map(([name]) => name), [edited.definition, action]);
  return <ChoiceValue {...props} options={names.map((name) => ({ value: name, title: name }))} hint={names.length === 0 ? t.noVariables : undefined} />;
}

/** The type of the value that a step gives to its variable. */
function valueType(held: JsonObject, variables: ReadonlyMap<string, string>): string {
  const type = typeOf(held);
  if (type === 'InitializeVariable') return String(valueAt(held, ['inputs', 'variables', '0', 'type']) ?? 'string').toLowerCase();
  if (type === 'AppendToStringVariable') return 'string';
  if (type === 'IncrementVariable' || type === 'DecrementVariable') return 'float';
  if (type === 'AppendToArrayVariable') return 'any';
  return variables.get(String(valueAt(held, ['inputs', 'name']) ?? '')) ?? 'any';
}

export function VariableValue({ held, ...props }: FieldProps & { held: JsonObject }) {
  const { edited } = useDesigner();
  const type = valueType(held, useMemo(() => variablesOf(edited.definition), [edited.definition]));
  switch (type) {
    case 'boolean': return <BooleanValue key={type} {...props} />;
    case 'string': return typeof props.value === 'string' || props.value === undefined ? <TextValue key={type} {...props} typed /> : <AnyValue key={type} {...props} />;
    case 'integer':
    case 'float': return <AnyValue key={type} {...props} numeric />;
    default: return <AnyValue key={type} {...props} />;
  }
}
