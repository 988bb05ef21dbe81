/** An operation as it is edited: made from what the server tells, checked before it is stored. No framework. */
import type { CallbackParameter, FormParameter, JsonSchema, OperationDetail, OperationForm, OperationSummary } from '../../api/types';

export const emptyForm = (role: 'trigger' | 'action'): OperationForm => ({
  role,
  summary: '',
  description: '',
  operation_id: '',
  visibility: '',
  ...(role === 'trigger' ? { trigger_kind: 'webhook' as const, mode: 'single' as const } : {}),
  request: { method: '', path: '', parameters: [] },
  callback_parameter: null,
  ...(role === 'trigger' ? { delete_request: { by: 'location' as const }, notification_headers: [] } : {}),
});

export const isWebhook = (form: Pick<OperationForm, 'role' | 'trigger_kind'>): boolean => form.role === 'trigger' && form.trigger_kind !== 'polling';

export function formOf(detail: OperationDetail): OperationForm {
  const schema = detail.outputs_schema ?? undefined;
  const webhook = detail.role === 'trigger' && detail.trigger_kind !== 'polling';
  return {
    role: detail.role,
    summary: detail.summary ?? '',
    description: detail.description ?? '',
    operation_id: detail.operation_id,
    visibility: detail.visibility ?? '',
    ...(detail.trigger_kind ? { trigger_kind: detail.trigger_kind } : {}),
    ...(detail.mode ? { mode: detail.mode } : {}),
    request: { method: detail.method, path: detail.path, parameters: detail.parameters },
    callback_parameter: detail.callback ?? null,
    ...(schema ? (webhook ? { notification_schema: schema } : { response_schema: schema }) : {}),
    ...(webhook ? { delete_request: detail.delete_request ?? { by: 'location' }, notification_headers: detail.notification_headers, declarations: detail.declarations } : {}),
  };
}

/** `body/config/url` → `{in: "body", path: ["config", "url"]}`. */
export function callbackOf(parameter: FormParameter): CallbackParameter {
  if (parameter.in !== 'body') return { in: parameter.in, path: [parameter.name] };
  const parts = parameter.key.split('/').filter(Boolean);
  return { in: 'body', path: parts[0] === 'body' ? parts.slice(1) : parts };
}

export function sameCallback(a: CallbackParameter | null | undefined, b: CallbackParameter): boolean {
  return !!a && a.in === b.in && a.path.join('/') === b.path.join('/');
}

const isText = (schema: JsonSchema | undefined) =>
  !schema?.type || schema.type === 'string' || (Array.isArray(schema.type) && schema.type.includes('string'));

/** Every string parameter and body property: what may receive the callback URL. */
export const callbackChoices = (parameters: FormParameter[]): FormParameter[] => parameters.filter((parameter) => isText(parameter.schema));

/** `config.url` for a property of the body, the name for everything else. */
export const parameterLabel = (parameter: FormParameter): string => callbackOf(parameter).path.join('.');

/** Chooses the callback parameter; nobody fills it in by hand afterwards, so it becomes internal. */
export function withCallback(form: OperationForm, chosen: FormParameter | null): OperationForm {
  const parameters = form.request.parameters.map((parameter): FormParameter => {
    if (chosen && parameter.key === chosen.key) return { ...parameter, visibility: 'internal' };
    if (sameCallback(form.callback_parameter, callbackOf(parameter)) && parameter.visibility === 'internal') return { ...parameter, visibility: '' };
    return parameter;
  });
  return { ...form, callback_parameter: chosen ? callbackOf(chosen) : null, request: { ...form.request, parameters } };
}

/** Takes over the request of a sample; the callback parameter stays where the new request has it too. */
export function withRequest(form: OperationForm, request: Partial<OperationForm['request']>): OperationForm {
  const parameters = request.parameters ?? [];
  const callback = parameters.find((parameter) => sameCallback(form.callback_parameter, callbackOf(parameter))) ?? null;
  return withCallback({ ...form, callback_parameter: null, request: { ...form.request, ...request, parameters } }, callback);
}

export type FormProblem = 'needSummary' | 'needId' | 'duplicateId' | 'needRequest' | 'needCallback' | 'needDeleteOperation' | 'needDeleteValues';

export function problemsOf(form: OperationForm, others: OperationSummary[]): FormProblem[] {
  const problems: FormProblem[] = [];
  if (!form.summary.trim()) problems.push('needSummary');
  if (!/^[\w.-]+$/.test(form.operation_id)) problems.push('needId');
  if (others.some((other) => other.operation_id === form.operation_id)) problems.push('duplicateId');
  if (!form.request.method || !form.request.path) problems.push('needRequest');
  if (!isWebhook(form)) return problems;
  if (!form.callback_parameter) problems.push('needCallback');
  if (form.delete_request?.by === 'operation') {
    const { operation_id: deletes, parameters = {} } = form.delete_request;
    if (!others.some((other) => other.operation_id === deletes)) problems.push('needDeleteOperation');
    else if (Object.values(parameters).some((value) => value === '')) problems.push('needDeleteValues');
  }
  return problems;
}

/** Removes a property from a schema; `path` names properties, `*` the items of an array. */
export function withoutProperty(schema: JsonSchema, path: string[]): JsonSchema {
  const [head, ...rest] = path;
  if (head === undefined) return schema;
  if (head === '*') return schema.items ? { ...schema, items: withoutProperty(schema.items, rest) } : schema;
  const properties = { ...schema.properties };
  const inner = properties[head];
  if (!inner) return schema;
  if (rest.length === 0) {
    delete properties[head];
    return { ...schema, properties, ...(schema.required ? { required: schema.required.filter((name) => name !== head) } : {}) };
  }
  return { ...schema, properties: { ...properties, [head]: withoutProperty(inner, rest) } };
}

export function withTitle(schema: JsonSchema, path: string[], title: string): JsonSchema {
  const [head, ...rest] = path;
  if (head === undefined) {
    const { title: _, 'x-ms-summary': __, ...others } = schema;
    return title ? { ...others, title, 'x-ms-summary': title } : others;
  }
  if (head === '*') return schema.items ? { ...schema, items: withTitle(schema.items, rest, title) } : schema;
  const inner = schema.properties?.[head];
  return inner ? { ...schema, properties: { ...schema.properties, [head]: withTitle(inner, rest, title) } } : schema;
}

/** Headers as people paste them, one a line. */
export function headersOf(text: string): { [name: string]: string } {
  const headers: { [name: string]: string } = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) headers[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return headers;
}
