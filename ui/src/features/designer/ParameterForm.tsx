/** The form of a connector's operation: required first, advanced on demand, internal never. */
import { Button } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Parameter } from '../../api/types';
import { isObject, type Json, type JsonObject } from '../../flow-model/definition';
import { setMember } from '../../flow-model/edits';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { useDesigner } from './context';
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

function DynamicChoice(props: FieldProps & { parameter: Parameter; connector: string; connection: string | null; operation: string; parameters: JsonObject }) {
  const values = useQuery({
    queryKey: ['dynamic-values', props.connector, props.operation, props.parameter.key, props.connection, JSON.stringify(props.parameters)],
    enabled: !!props.connection,
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
      <ChoiceValue {...props} options={values.data?.items ?? []} isPending={values.isLoading} />
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
  const visible = parameters.filter((parameter) => parameter.visibility !== 'internal');
  const plain = visible.filter((parameter) => !isAdvanced(parameter));
  const advanced = visible.filter(isAdvanced);
  const sorted = [...plain.filter((parameter) => parameter.required), ...plain.filter((parameter) => !parameter.required)];
  const field = (parameter: Parameter) => {
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
    if (parameter.dynamic_values && host) return <DynamicChoice key={parameter.key} {...props} parameter={parameter} connector={connector} connection={connection} operation={host.operation} parameters={given} />;
    return <SchemaField key={parameter.key} {...props} schema={parameter.enum?.length ? { ...parameter.schema, enum: parameter.enum } : parameter.schema} />;
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
