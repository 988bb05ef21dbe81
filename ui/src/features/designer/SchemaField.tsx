/** A field for a value of any schema: objects as groups of fields, lists of objects as cards, all of it also as JSON. */
import { Button } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import type { JsonSchema } from '../../api/types';
import { isObject, type Json, type JsonObject } from '../../flow-model/definition';
import { useText } from '../../shared/language';
import { AnyValue, BooleanValue, ChoiceValue, ListValue, TextValue, type FieldProps } from './fields';
import { Grouped } from './forms/Grouped';
import { designerText } from './text';

const typeOf = (schema: JsonSchema) => (Array.isArray(schema.type) ? schema.type.find((type) => type !== 'null') : schema.type);
const hasFields = (schema: JsonSchema | undefined): schema is JsonSchema => schema !== undefined && Object.keys(schema.properties ?? {}).length > 0;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value ? value : undefined);

const isNumeric = (schema: JsonSchema) => ['number', 'integer'].includes(typeOf(schema) ?? '');

export function SchemaField({ schema, ...props }: FieldProps & { schema: JsonSchema }) {
  if (schema.enum?.length) return <ChoiceValue {...props} options={schema.enum.map((value) => ({ value, title: String(value) }))} />;
  switch (typeOf(schema)) {
    case 'boolean': return <BooleanValue {...props} />;
    case 'array': return hasFields(schema.items) ? <ObjectList {...props} schema={schema.items} /> : typeOf(schema.items ?? {}) === 'object' ? <AnyValue {...props} /> : <ListValue {...props} numeric={isNumeric(schema.items ?? {})} />;
    case 'object': return hasFields(schema) ? <ObjectValue {...props} schema={schema} /> : <AnyValue {...props} />;
    case 'string': return <TextValue {...props} />;
    default: return <AnyValue {...props} numeric={isNumeric(schema)} />;
  }
}

/** The properties of one object; empty ones are left out. */
function Members({ schema, value, onChange, step, fieldKey }: { schema: JsonSchema; value: JsonObject; onChange: (value: JsonObject) => void; step: string | null; fieldKey: string }) {
  return Object.entries(schema.properties ?? {})
    .filter(([, property]) => property['x-ms-visibility'] !== 'internal')
    .map(([name, property]) => (
      <SchemaField
        key={name}
        schema={property}
        label={text(property['x-ms-summary']) ?? property.title ?? name}
        hint={property.description}
        required={schema.required?.includes(name) ?? false}
        value={value[name]}
        step={step}
        fieldKey={`${fieldKey}/${name}`}
        onChange={(next) => {
          const { [name]: _, ...rest } = value;
          onChange(next === undefined ? rest : { ...value, [name]: next });
        }}
      />
    ));
}

function ObjectValue({ schema, ...props }: FieldProps & { schema: JsonSchema }) {
  const { value, onChange, step, fieldKey } = props;
  const held = isObject(value) ? value : {};
  return (
    <Grouped {...props} fits={value === undefined || isObject(value)}>
      <Members schema={schema} value={held} step={step} fieldKey={fieldKey} onChange={(next) => onChange(Object.keys(next).length > 0 ? next : undefined)} />
    </Grouped>
  );
}

function ObjectList({ schema, ...props }: FieldProps & { schema: JsonSchema }) {
  const t = useText(designerText);
  const { value, onChange, step, fieldKey, label } = props;
  const items: Json[] = Array.isArray(value) ? value : [];
  const fits = value === undefined || (Array.isArray(value) && value.every((item) => isObject(item)));
  return (
    <Grouped {...props} fits={fits}>
      {items.map((item, index) => (
        <div key={index} className="condition-row">
          <div className="row">
            <strong className="grow small">{label} {index + 1}</strong>
            <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={`${t.removeItem} ${index + 1}`} onClick={() => onChange(items.length > 1 ? items.filter((_, at) => at !== index) : undefined)} />
          </div>
          <Members schema={schema} value={isObject(item) ? item : {}} step={step} fieldKey={`${fieldKey}/${index}`} onChange={(next) => onChange(items.map((held, at) => (at === index ? next : held)))} />
        </div>
      ))}
      <Button size="small" className="left" icon={<AddRegular />} onClick={() => onChange([...items, {}])}>{t.addItem}</Button>
    </Grouped>
  );
}
