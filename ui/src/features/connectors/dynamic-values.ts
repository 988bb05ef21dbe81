/** Choices that the service knows: `x-ms-dynamic-values` and `x-ms-dynamic-list` ↔ what a form asks. No framework. */
import type { FormParameter, Json, JsonObject } from '../../api/types';
import { isObject } from '../../flow-model/definition';
import { parameterReference } from '../../shared/choices';

export interface DynamicValues {
  operation: string;
  /** Where in the answer the list is; empty where the answer is the list. */
  collection: string;
  value: string;
  title: string;
  /** What the operation is given: another parameter of the form, or a constant. */
  parameters: { name: string; from: 'parameter' | 'constant'; value: string }[];
}

export const noDynamicValues = (): DynamicValues => ({ operation: '', collection: '', value: '', title: '', parameters: [] });

const KNOWN = new Set(['operationId', 'value-collection', 'value-path', 'value-title', 'parameters', 'itemsPath', 'itemValuePath', 'itemTitlePath']);

const shown = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The form of what is written; null where it says more than the form knows. */
export function dynamicValuesOf(written: Json): DynamicValues | null {
  if (!isObject(written) || Object.keys(written).some((key) => !KNOWN.has(key))) return null;
  const text = (...names: string[]) => names.map((name) => written[name]).find((value): value is string => typeof value === 'string') ?? '';
  const given = written['parameters'];
  return {
    operation: text('operationId'),
    collection: text('value-collection', 'itemsPath'),
    value: text('value-path', 'itemValuePath'),
    title: text('value-title', 'itemTitlePath'),
    parameters: Object.entries(isObject(given) ? given : {}).map(([name, value]) => {
      const reference = parameterReference(value);
      if (reference !== null) return { name, from: 'parameter' as const, value: reference };
      return { name, from: 'constant' as const, value: shown(isObject(value) && value['value'] !== undefined ? value['value'] : value) };
    }),
  };
}

/** What is written; undefined without an operation. */
export function writtenDynamicValues(form: DynamicValues): JsonObject | undefined {
  if (!form.operation) return undefined;
  const parameters = Object.fromEntries(form.parameters.filter((item) => item.value).map((item): [string, Json] => [item.name, item.from === 'parameter' ? { parameter: item.value } : item.value]));
  return {
    operationId: form.operation,
    ...(form.collection ? { 'value-collection': form.collection } : {}),
    'value-path': form.value,
    ...(form.title ? { 'value-title': form.title } : {}),
    ...(Object.keys(parameters).length ? { parameters } : {}),
  };
}

/** The parameter with other choices; what its schema said of them goes, so that there is one place for it. */
export function withDynamicValues(parameter: FormParameter, written: Json | undefined): FormParameter {
  const { 'x-ms-dynamic-values': _, 'x-ms-dynamic-list': __, ...schema } = parameter.schema;
  const { dynamic_values: ___, ...rest } = parameter;
  return { ...rest, schema, ...(written === undefined ? {} : { dynamic_values: written }) };
}
