/** The wizard of a connector without its pages: forms and documents, and where problems are mended. */
import { describe, expect, it } from 'vitest';
import type { FormParameter, JsonObject, OperationDetail } from '../../src/api/types';
import { guessed, originOf, templateOf, withValue, type Origin } from '../../src/features/connectors/delete-request';
import { sortedFiles } from '../../src/features/connectors/draft';
import { dynamicValuesOf, withDynamicValues, writtenDynamicValues } from '../../src/features/connectors/dynamic-values';
import { emptyForm, formOf, problemsOf, withRequest } from '../../src/features/connectors/operation-form';
import { countsOf, placeOf } from '../../src/features/connectors/places';
import { emptyPolicy, instanceOf, parametersOfTemplate, policyFormOf, problemsOfPolicy, TEMPLATES, withTemplate, type PolicyTemplate } from '../../src/features/connectors/policies';

const parameter = (key: string, more: Partial<FormParameter> = {}): FormParameter => ({ name: key.split('/').at(-1) ?? key, in: key.includes('/') ? 'body' : 'path', key, required: true, schema: { type: 'string' }, visibility: '', ...more });

const trigger: OperationDetail = {
  operation_id: 'push', summary: 'Push', description: '', role: 'trigger', trigger_kind: 'webhook', mode: 'single', method: 'POST', path: '/hooks', visibility: '', deprecated: false, by_hand: false, declarations: {},
  callback: { in: 'body', path: ['url'] }, delete_request: { by: 'operation', operation_id: 'remove', parameters: { id: '{registration:/id}' } }, notification_schema: true, pointer: '/paths/~1hooks/post',
  parameters: [{ ...parameter('body/url'), summary: '', description: '', callback: true }], dynamic_content: [], outputs_schema: { type: 'object' }, deletion: null, notification_headers: ['X-Event'],
};

describe('the form of an operation', () => {
  it('keeps the delete request and the headers of a webhook', () => {
    const form = formOf(trigger);
    expect(form.delete_request).toEqual(trigger.delete_request);
    expect(form.notification_headers).toEqual(['X-Event']);
    expect(form.notification_schema).toEqual({ type: 'object' });
  });
  it('shows the answer of a poll as its response', () => {
    const form = formOf({ ...trigger, trigger_kind: 'polling' });
    expect(form.response_schema).toEqual({ type: 'object' });
    expect(form.notification_schema).toBeUndefined();
  });
  it('asks for the operation and the values of a delete request', () => {
    const form = { ...formOf(trigger), summary: 'Push' };
    const remove = { ...trigger, operation_id: 'remove', role: 'action' as const };
    expect(problemsOf(form, [])).toEqual(['needDeleteOperation']);
    expect(problemsOf(form, [remove])).toEqual([]);
    expect(problemsOf({ ...form, delete_request: { by: 'operation', operation_id: 'remove', parameters: { id: '' } } }, [remove])).toEqual(['needDeleteValues']);
    expect(problemsOf({ ...form, trigger_kind: 'polling' }, [])).toEqual([]);
  });
  it('keeps the callback parameter where a new sample has it', () => {
    const again = withRequest(formOf(trigger), { method: 'POST', path: '/v2/hooks', parameters: [parameter('body/url'), parameter('body/name')] });
    expect(again.callback_parameter).toEqual({ in: 'body', path: ['url'] });
    expect(again.request.parameters[0]?.visibility).toBe('internal');
    const other = withRequest(formOf(trigger), { method: 'POST', path: '/v2/hooks', parameters: [parameter('body/target')] });
    expect(other.callback_parameter).toBeNull();
    expect(emptyForm('action').delete_request).toBeUndefined();
  });
});

describe('a delete request', () => {
  it.each<[Origin, unknown]>([
    [{ source: 'none', value: '' }, undefined],
    [{ source: 'body', value: 'data/id' }, '{registration:/data/id}'],
    [{ source: 'header', value: 'X-Id' }, '{registration:header:X-Id}'],
    [{ source: 'input', value: 'body/name' }, '{inputs:body/name}'],
    [{ source: 'text', value: 'hook-{registration:/id}' }, 'hook-{registration:/id}'],
  ])('is what its form says: %j', (origin, template) => {
    expect(templateOf(origin, parameter('id'))).toEqual(template);
    expect(originOf(template as string | undefined)).toEqual(origin);
  });
  it('takes lists as JSON', () => {
    const list = parameter('body/ids', { schema: { type: 'array' } });
    expect(templateOf({ source: 'text', value: '["{registration:/id}"]' }, list)).toEqual(['{registration:/id}']);
    expect(originOf(['{registration:/id}'])).toEqual({ source: 'text', value: '["{registration:/id}"]' });
  });
  it('is guessed from names', () => {
    const remove = { operation_id: 'remove', path: '/repos/{owner}/hooks/{hook}', parameters: [parameter('owner'), parameter('hook'), parameter('body/ids', { schema: { type: 'array' } }), parameter('body/why', { required: false })] };
    const made = guessed(remove as unknown as OperationDetail, [parameter('owner'), parameter('hook')]);
    expect(made).toEqual({ by: 'operation', operation_id: 'remove', parameters: { owner: '{inputs:owner}', hook: '{registration:/id}', 'body/ids': ['{registration:/id}'] } });
    expect(withValue(made, 'owner', undefined)).toEqual({ ...made, parameters: { hook: '{registration:/id}', 'body/ids': ['{registration:/id}'] } });
  });
});

describe('dynamic values', () => {
  const written = { operationId: 'List', 'value-collection': 'items', 'value-path': 'id', 'value-title': 'name', parameters: { org: { parameter: 'owner' }, kind: 'all' } };
  it('go through the form and back', () => {
    const form = dynamicValuesOf(written);
    expect(form && writtenDynamicValues(form)).toEqual(written);
  });
  it('are read in their newer form', () => {
    expect(dynamicValuesOf({ operationId: 'List', itemsPath: 'items', itemValuePath: 'id', parameters: { org: { parameterReference: 'owner' } } })).toEqual({ operation: 'List', collection: 'items', value: 'id', title: '', parameters: [{ name: 'org', from: 'parameter', value: 'owner' }] });
  });
  it('that say more stay as text', () => expect(dynamicValuesOf({ ...written, capability: 'file-picker' })).toBeNull());
  it('have one place in a parameter', () => {
    const before = parameter('repo', { schema: { type: 'string', 'x-ms-dynamic-list': { operationId: 'Old' } }, dynamic_values: { operationId: 'Old' } });
    expect(withDynamicValues(before, undefined)).toEqual(parameter('repo'));
    expect(withDynamicValues(before, written)).toEqual(parameter('repo', { dynamic_values: written }));
  });
});

describe('policies', () => {
  const instance: JsonObject = { templateId: 'setHeader', title: 'Version', own: 1, parameters: { 'x-ms-apimTemplateParameter.name': 'X-Version', 'x-ms-apimTemplateParameter.value': '2', 'x-ms-apimTemplateParameter.existsAction': 'skip', 'x-ms-apimTemplate-policySection': 'Request', 'x-ms-apimTemplate-operationName': ['Get'], kept: true } };
  it('go through the form and back', () => {
    const form = policyFormOf(instance);
    expect(form).toEqual({ template: 'setheader', title: 'Version', values: { name: 'X-Version', value: '2', existsAction: 'skip' }, section: 'Request', operations: ['Get'] });
    expect(form && instanceOf(form, instance)).toEqual(instance);
    expect(form && problemsOfPolicy(form)).toEqual([]);
  });
  it('for all operations name none', () => {
    const form = policyFormOf(instance);
    const made = form && (instanceOf({ ...form, operations: [] }, instance)['parameters'] as JsonObject);
    expect(made && 'x-ms-apimTemplate-operationName' in made).toBe(false);
  });
  it('of unknown templates are not edited', () => expect(policyFormOf({ templateId: 'sethost', parameters: {} })).toBeNull());
  it.each(Object.keys(TEMPLATES) as PolicyTemplate[])('of the template %s go through the form and back', (template) => {
    const empty = withTemplate({ ...emptyPolicy(), title: 'x' }, template);
    expect(problemsOfPolicy(empty)).toEqual(parametersOfTemplate(template).filter((own) => own.input === 'text' && own.required).map((own) => own.name));
    const values = Object.fromEntries(parametersOfTemplate(template).map((own) => [own.name, own.input === 'text' ? `@body().${own.name}` : own.usual]));
    const form = { ...empty, values };
    const made = instanceOf(form, null);
    expect(policyFormOf(made)).toEqual(form);
    expect(problemsOfPolicy(form)).toEqual([]);
    expect(instanceOf(form, made)).toEqual(made);
  });
  it('keep numbers, flags and objects of the file that nobody touches', () => {
    const flagged = { templateId: 'convertarraytoobject', title: 'x', parameters: { 'x-ms-apimTemplateParameter.propertyParentPath': '@body()', 'x-ms-apimTemplateParameter.keyWithinCollectionPath': 'id', 'x-ms-apimTemplateParameter.newPropertyPath': 'by', 'x-ms-apimTemplateParameter.retainKey': false, 'x-ms-apimTemplate-policySection': 'Response' } };
    const form = policyFormOf(flagged);
    expect(form?.values['retainKey']).toBe('false');
    expect(form && instanceOf(form, flagged)).toEqual(flagged);
    const poll = { templateId: 'pollingtrigger', title: 'x', parameters: { 'x-ms-apimTemplateParameter.triggerConfig': { per_page: '1' }, 'x-ms-apimTemplateParameter.triggerDataPath': '@triggerBody().value' } };
    const polled = policyFormOf(poll);
    expect(polled && instanceOf(polled, poll)).toEqual(poll);
    expect(polled && problemsOfPolicy({ ...polled, values: { ...polled.values, triggerConfig: '[1]' } })).toEqual(['triggerConfig']);
  });
  it('lose the parameters of the template before', () => {
    const form = policyFormOf(instance);
    const host = form && withTemplate(form, 'dynamichosturl');
    const made = host && instanceOf({ ...host, values: { urlTemplate: 'https://a.test' } }, instance);
    expect(made?.['parameters']).toEqual({ 'x-ms-apimTemplateParameter.urlTemplate': 'https://a.test', 'x-ms-apimTemplate-policySection': 'Request', 'x-ms-apimTemplate-operationName': ['Get'], kept: true });
  });
  it('keep what happens where the name is there already', () => {
    const parameters = { ...(instance['parameters'] as JsonObject), 'x-ms-apimTemplateParameter.existsAction': 'append' };
    expect(policyFormOf({ ...instance, parameters })?.values['existsAction']).toBe('append');
  });
});

describe('the place of a problem', () => {
  const operations = [{ operation_id: 'push', pointer: '/paths/~1hooks/post' }, { operation_id: 'list', pointer: '/paths/~1hooks/get' }];
  it.each([
    ['/host', { part: 'general', field: 'host' }],
    ['/info/title', { part: 'general', field: 'name' }],
    ['/basePath', { part: 'general', field: 'base_path' }],
    ['/securityDefinitions/key', { part: 'security' }],
    ['/definitions/A~1B/properties/x', { part: 'definition', reference: 'A/B' }],
    ['/paths/~1hooks/get/parameters/0', { part: 'definition', operation: 'list', section: 'request' }],
    ['/paths/~1hooks/post/x-hookmill-registration/unsubscribe', { part: 'definition', operation: 'push', section: 'delete' }],
    ['/paths/~1hooks/x-ms-notification-content', { part: 'definition', operation: 'push', section: 'response' }],
    ['/paths/~1hooks/post', { part: 'definition', operation: 'push', section: 'general' }],
    ['/paths/~1other', { part: 'code', pointer: '/paths/~1other' }],
    ['', { part: 'code', pointer: '' }],
  ])('%s', (pointer, place) => expect(placeOf({ pointer, code: 'x' }, operations)).toEqual(place));
  it('of a missing callback is the trigger configuration', () => {
    expect(placeOf({ pointer: '/paths/~1hooks/post', code: 'callback_place_missing' }, operations)).toEqual({ part: 'definition', operation: 'push', section: 'config' });
  });
  it('is counted per part', () => {
    const problem = (pointer: string, severity: 'error' | 'warning') => ({ pointer, severity, code: 'x', message: '', hint: null });
    expect(countsOf([problem('/host', 'warning'), problem('/paths/~1hooks/get', 'error'), problem('/paths/~1hooks/post', 'warning')] as never, operations)).toEqual({ general: { errors: 0, warnings: 1 }, definition: { errors: 1, warnings: 1 } });
  });
});

describe('the files of an import', () => {
  const file = (name: string, type = '') => new File(['x'], name, { type });
  it('are known by name and kind', () => {
    const [document, properties, icon, settings] = [file('apiDefinition.swagger.json', 'application/json'), file('apiProperties.json', 'application/json'), file('icon.png', 'image/png'), file('settings.json', 'application/json')];
    expect(sortedFiles([properties, settings, icon, document])).toEqual({ file: document, properties, icon });
    expect(sortedFiles([document])).toEqual({ file: document, properties: null, icon: null });
    expect(sortedFiles([icon])).toEqual({ file: icon, properties: null, icon: null });
    expect(sortedFiles([properties, icon])).toEqual({ file: null, properties, icon });
  });
});
