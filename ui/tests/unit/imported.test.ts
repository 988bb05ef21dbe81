/** What an import needs, what stands in for it, and the forms of starts by hand. */
import { describe, expect, it } from 'vitest';
import { applied, extentOf, needsOf, titleOfApi, type Choices, type ImportedFlow } from '../../src/flow-model/imported';
import { pathCallOf } from '../../src/flow-model/host';
import { substituted, substituteFor, withOperation } from '../../src/flow-model/replace';
import { bodyOf, missingOf, prefilled, requiredInput, runFields, withInput, withoutInput } from '../../src/flow-model/run-inputs';

const call = (api: string, operation: string, parameters = {}) => ({ type: 'OpenApiConnection', description: 'why', inputs: { host: { apiId: `/providers/Microsoft.PowerApps/apis/${api}`, connectionName: api, operationId: operation }, parameters }, runAfter: { Before: ['Failed'] } });
const byPath = { type: 'ApiConnection', inputs: { host: { connection: { name: "@parameters('$connections')['slack']['connectionId']" } }, method: 'post', path: '/chat', body: { text: 'hi' } }, runAfter: {} };
const flow: ImportedFlow = {
  definition: { triggers: { When: call('shared_mail', 'OnNew') }, actions: { Before: { type: 'Compose', inputs: 1, runAfter: {} }, Send: call('shared_mail', 'SendEmailV2', { 'emailMessage/Subject': 'S', 'emailMessage/Body': 'B' }), Chat: byPath, Tell: call('shared_flowpush', 'SendNotification') } },
  connections: { shared_mail: { api: 'shared_mail', connector_id: 'cnr_1', prebuilt: null }, slack: { api: null, connector_id: null, prebuilt: null } },
  diagnostics: [{ severity: 'error', pointer: '/actions/Before' }, { severity: 'warning', pointer: '/actions/Chat' }],
};

describe('what a file needs', () => {
  const needs = needsOf([flow]);
  it('is grouped by connector, built-in notifications left out', () => {
    expect(needs.map((need) => [need.api, need.connector, need.steps.map((step) => step.call)])).toEqual([['shared_mail', 'cnr_1', ['OnNew', 'SendEmailV2']], ['slack', null, ['POST /chat']]]);
  });
  it('has names for people', () => expect([titleOfApi('shared_office365'), titleOfApi('shared_my-5fforge-5f0123456789abcdef')]).toEqual(['Office365', 'My 5fforge']));
  it('counts the steps that work', () => {
    const count = (choices: Choices) => extentOf([flow], needs, choices, () => [{ operation_id: 'SendEmailV2' }]);
    expect(count({ needs: {}, steps: {} })).toEqual({ works: 1, all: 5 });
    expect(count({ needs: { shared_mail: { way: 'connector', connector: 'cnr_1', connection: null } }, steps: {} })).toEqual({ works: 2, all: 5 });
    expect(count({ needs: { shared_mail: { way: 'replace' }, slack: { way: 'connector', connector: 'cnr_2', connection: null } }, steps: {} })).toEqual({ works: 4, all: 5 });
    expect(count({ needs: {}, steps: { '0/Send': { by: 'Http' } } })).toEqual({ works: 2, all: 5 });
  });
  it('is put into the flow', () => {
    const made = applied(flow, 0, needs, { needs: { shared_mail: { way: 'connector', connector: 'cnr_9', connection: 'cnx_1' } }, steps: { '0/$trigger': { by: 'Http' }, '0/Send': { operation: 'Mail' }, '0/Chat': { by: 'SendNotification' } } });
    const { triggers, actions } = made.definition as { triggers: { When: { type: string } }; actions: { [name: string]: { type: string; inputs: { host: { operationId: string }; parameters: object }; runAfter: object } } };
    expect(triggers.When.type).toBe('Request');
    expect(actions['Send']?.inputs.host.operationId).toBe('Mail');
    expect(actions['Chat']?.inputs.parameters).toEqual({ 'NotificationDefinition/notificationText': 'hi' });
    expect(made.connections['shared_mail']).toEqual({ api: 'shared_mail', connector_id: 'cnr_9', connection_id: 'cnx_1' });
  });
});

describe('a step in the place of another', () => {
  const definition = flow.definition as Parameters<typeof substituted>[0];
  it('is chosen by what the operation is called', () => expect(['SendEmailV2', 'PostMessageToChannelV3', 'CreateItem'].map(substituteFor)).toEqual(['SendEmailNotification', 'SendNotification', 'Http']));
  it('keeps its place, its description and its values', () => {
    const mail = substituted(definition, 'Send', 'SendEmailNotification').actions as { [name: string]: object };
    expect(mail['Send']).toMatchObject({ description: 'why', runAfter: { Before: ['Failed'] }, inputs: { parameters: { 'NotificationEmailDefinition/notificationSubject': 'S', 'NotificationEmailDefinition/notificationBody': 'B' } } });
    const http = substituted(definition, 'send', 'Http').actions as { [name: string]: object };
    expect(http['Send']).toMatchObject({ type: 'Http', inputs: { method: 'POST', body: { 'emailMessage/Subject': 'S', 'emailMessage/Body': 'B' } } });
  });
  it('leaves a step that calls by path its path', () => expect(withOperation(definition, 'Nowhere', 'X')).toBe(definition));
  it('reads the key of a connection in both spellings', () => {
    expect(pathCallOf(byPath)).toEqual({ key: 'slack', method: 'POST', path: '/chat' });
    const other = "@json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))['$connections']['KEY']['connectionId']";
    expect(pathCallOf({ inputs: { host: { connection: { name: other } } } })?.key).toBe('KEY');
  });
});

describe('the inputs of a start by hand', () => {
  let schema = {} as ReturnType<typeof withInput>;
  for (const kind of ['text', 'number', 'boolean', 'file', 'date', 'choice'] as const) schema = withInput(schema, kind, kind);
  it('are read as they are written', () => {
    expect(runFields(schema).map((field) => [field.name, field.kind, field.required])).toEqual([['text', 'text', true], ['number', 'number', true], ['boolean', 'boolean', true], ['file', 'file', true], ['date', 'date', true], ['text_1', 'choice', true]]);
    expect(runFields(requiredInput(withoutInput(schema, 'number'), 'date', false)).filter((field) => field.required).map((field) => field.name)).toEqual(['text', 'boolean', 'file', 'text_1']);
  });
  it('are filled in with what came last, and what is empty is left out', () => {
    const fields = runFields(schema);
    const values = prefilled(fields, { text: 'a', number: 0, gone: 1, date: null });
    expect(values).toEqual({ text: 'a', number: 0 });
    expect(missingOf(fields, values).map((field) => field.name)).toEqual(['file', 'date', 'text_1']);
    expect(bodyOf(fields, values)).toEqual({ text: 'a', number: 0, boolean: false });
  });
  it('are none where a schema describes no object', () => expect([runFields(undefined), runFields({}), runFields({ type: 'array' })]).toEqual([[], [], []]));
});
