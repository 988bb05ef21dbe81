/** How a webhook is deleted: templates of the document ↔ what a form asks. No framework. */
import type { DeleteRequest, FormParameter, Json, JsonObject, OperationDetail, Parameter } from '../../api/types';

/** Where the value of a parameter comes from: the answer to the creation, the trigger's own parameters, or a text. */
export const SOURCES = ['none', 'body', 'header', 'input', 'text'] as const;
export type Source = (typeof SOURCES)[number];

/** What one may write for a source. */
export const EXAMPLES: Record<Source, string> = { none: '', body: 'id', header: 'X-Hook-Id', input: '', text: 'hook-{registration:/id}' };

export interface Origin {
  source: Source;
  /** `id`, `data/id`, the name of a header, the key of a parameter, a text with `{…}`. */
  value: string;
}

export function originOf(template: Json | undefined): Origin {
  if (template === undefined) return { source: 'none', value: '' };
  if (typeof template !== 'string') return { source: 'text', value: JSON.stringify(template) };
  const only = /^\{([^{}]*)\}$/.exec(template)?.[1];
  if (only?.startsWith('registration:header:')) return { source: 'header', value: only.slice('registration:header:'.length) };
  if (only?.startsWith('registration:/')) return { source: 'body', value: only.slice('registration:/'.length) };
  if (only?.startsWith('inputs:')) return { source: 'input', value: only.slice('inputs:'.length) };
  return { source: 'text', value: template };
}

const isStructured = (parameter: Pick<Parameter, 'schema'>) => parameter.schema.type === 'array' || parameter.schema.type === 'object';

/** The template; undefined where nothing is sent. A list or an object may be written as JSON with templates in it. */
export function templateOf({ source, value }: Origin, parameter: Pick<Parameter, 'schema'>): Json | undefined {
  if (source === 'none') return undefined;
  if (source === 'text') {
    if (!isStructured(parameter)) return value;
    try {
      return JSON.parse(value) as Json;
    } catch {
      return value;
    }
  }
  const named = value.trim();
  if (!named) return '';
  if (source === 'header') return `{registration:header:${named}}`;
  return source === 'input' ? `{inputs:${named}}` : `{registration:/${named.replace(/^\/|^body\//, '')}}`;
}

/** What the delete operation needs, guessed: parameters of the same name, and the identifier for the last name of the path. */
export function guessed(operation: Pick<OperationDetail, 'operation_id' | 'path' | 'parameters'>, inputs: FormParameter[]): DeleteRequest {
  const parameters: JsonObject = {};
  const last = [...operation.path.matchAll(/\{([^}]+)\}/g)].at(-1)?.[1];
  for (const parameter of operation.parameters) {
    const same = inputs.find((input) => input.key === parameter.key);
    if (parameter.in === 'path' && parameter.name === last) parameters[parameter.key] = '{registration:/id}';
    else if (same && parameter.in !== 'body') parameters[parameter.key] = `{inputs:${same.key}}`;
    else if (parameter.required && parameter.default === undefined) parameters[parameter.key] = parameter.schema.type === 'array' ? ['{registration:/id}'] : '{registration:/id}';
  }
  return { by: 'operation', operation_id: operation.operation_id, parameters };
}

/** The request with another value for one of its parameters. */
export function withValue(request: DeleteRequest, key: string, template: Json | undefined): DeleteRequest {
  if (request.by !== 'operation') return request;
  const { [key]: _, ...rest } = (request.parameters ?? {}) as JsonObject;
  return { ...request, parameters: template === undefined ? rest : { ...(request.parameters as JsonObject), [key]: template } };
}
