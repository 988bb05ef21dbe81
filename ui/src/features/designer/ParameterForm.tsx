/** The form of a connector's operation: required first, advanced on demand, internal never. */
import { Button } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { api } from '../../api/client';
import type { Parameter } from '../../api/types';
import { isObject, type Json, type JsonObject } from '../../flow-model/definition';
import { setMember } from '../../flow-model/edits';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { useSettled } from '../../shared/settled';
import { useDesigner } from './context';
import { DynamicFields, DynamicTree, isKnown, neededBy } from './DynamicParts';
import { ChoiceValue, type FieldProps } from './fields';
import { SchemaField } from './SchemaField';
import { hostOf } from './state';
import { designerText } from './text';

/** Optional single values with a default are settled for most people; lists such as events are worth seeing. */
export function isAdvanced(parameter: Parameter): boolean {
  if (parameter.visibility === 'advanced') return true;
  if (parameter.required || parameter.visibility === 'important') return false;
  return parameter.default !== undefined && !Array.isArray(parameter.default);
}

/** Parameters that a new step gets: the defaults of everything that is not internal. */
export function defaultsOf(parameters: Parameter[]): JsonObject {
  return Object.fromEntries(parameters.filter((parameter) => parameter.visibility !== 'internal' && parameter.default !== undefined).map((parameter) => [parameter.key, parameter.default as Json]));
}

export const labelOf = (parameter: Parameter): string => parameter.summary || parameter.schema.title || parameter.name;

/** How long a person may pause while typing what the choices of another field depend on. */
const TYPING_MS = 400;

function DynamicChoice(props: FieldProps & { parameter: Parameter; connector: string; connection: string | null; operation: string; parameters: JsonObject; labelOf: (key: string) => string }) {
  const t = useText(designerText);
  const needed = neededBy(props.parameter.dynamic_values);
  const missing = needed.filter((key) => !isKnown(props.parameters[key]));
  const now = JSON.stringify(needed.map((key) => props.parameters[key] ?? null));
  const given = useSettled(now, TYPING_MS);
  const values = useQuery({
    queryKey: ['dynamic-values', props.connector, props.operation, props.parameter.key, props.connection, given],
    enabled: !!props.connection && missing.length === 0 && given === now,
    staleTime: 60_000,
    queryFn: ({ signal }) =>
      api.post('/api/connectors/{id}/dynamic-values', {
        path: { id: props.connector },
        body: { connection_id: props.connection, operation_id: props.operation, parameter: props.parameter.key, parameters: props.parameters },
        signal,
      }),
  });
  return (
    <>
      <ChoiceValue {...props} options={values.data?.items ?? []} isPending={values.isLoading} hint={missing.length > 0 ? t.choicesNeed(missing.map(props.labelOf).join(', ')) : props.hint} />
      <ProblemBar error={values.error} onRetry={() => void values.refetch()} />
    </>
  );
}

export function ParameterForm({ step, held, parameters, connector }: { step: string | null; held: JsonObject; parameters: Parameter[]; connector: string }) {
  const t = useText(designerText);
  const { edited, edit } = useDesigner();
  const [all, setAll] = useState(false);
  const inputs = isObject(held['inputs']) ? held['inputs'] : {};
  const given = isObject(inputs['parameters']) ? inputs['parameters'] : {};
  const host = hostOf(held);
  const connection = host ? (edited.connections[host.key]?.connection_id ?? null) : null;
  const labelOfKey = (key: string) => {
    const own = parameters.find((parameter) => parameter.key === key);
    return own ? labelOf(own) : key;
  };
  const visible = parameters.filter((parameter) => parameter.visibility !== 'internal');
  const plain = visible.filter((parameter) => !isAdvanced(parameter));
  const advanced = visible.filter(isAdvanced);
  const sorted = [...plain.filter((parameter) => parameter.required), ...plain.filter((parameter) => !parameter.required)];
  const field = (parameter: Parameter): ReactNode => {
    const path = ['inputs', 'parameters', parameter.key];
    const props: FieldProps = {
      label: labelOf(parameter),
      value: given[parameter.key],
      onChange: (value) => edit((before) => ({ ...before, definition: setMember(before.definition, step, path, value) }), `${step}/${path.join('/')}`),
      step,
      fieldKey: `${step ?? '$trigger'}/${path.join('/')}`,
      required: parameter.required,
      hint: parameter.description || undefined,
    };
    if (parameter.dynamic_values && host) return <DynamicChoice key={parameter.key} {...props} parameter={parameter} connector={connector} connection={connection} operation={host.operation} parameters={given} labelOf={labelOfKey} />;
    const asked = host ? { connector, connection, operation: host.operation, parameter, parameters: given, labelOf: labelOfKey } : null;
    if (parameter.dynamic_tree && asked) return <DynamicTree key={parameter.key} {...props} asked={asked} />;
    const own = <SchemaField key={parameter.key} {...props} schema={parameter.enum?.length ? { ...parameter.schema, enum: parameter.enum } : parameter.schema} />;
    if (parameter.dynamic_schema && asked) return <DynamicFields key={parameter.key} asked={asked} whole={own} field={field} />;
    return own;
  };
  return (
    <div className="stack">
      {visible.length === 0 && <p className="quiet">{t.noParameters}</p>}
      {sorted.map(field)}
      {advanced.length > 0 && (
        <Button appearance="transparent" className="left" aria-expanded={all} onClick={() => setAll(!all)}>{all ? t.hideAdvanced : t.showAdvanced} ({advanced.length})</Button>
      )}
      {all && advanced.map(field)}
    </div>
  );
}
