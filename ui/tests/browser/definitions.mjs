// Sixty definitions of every kind of step, in the shapes in which exports of Power Automate and Logic Apps write them:
// metadata, authentication, connections as parameters, names and statuses in any case, members that no form knows. Each
// ends with the step `Note`, whose text a test changes.
const SCHEMA = 'https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#';
const HEAD = { $schema: SCHEMA, contentVersion: '1.0.0.0' };
const NOTE = 'one';
const metadata = { operationMetadataId: '3f0b4c1e-2d6a-4c0a-9b7e-000000000001' };
const AUTHENTICATION = { authentication: "@parameters('$authentication')" };
const PARAMETERS = { $connections: { defaultValue: {}, type: 'Object' }, $authentication: { defaultValue: {}, type: 'SecureObject' } };
const manual = { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} }, metadata } };

/** A definition whose last step is `Note`. */
const flow = (actions, more = {}) => {
  const last = Object.keys(actions).at(-1);
  const { triggers = manual, parameters = PARAMETERS, ...rest } = more;
  return { ...HEAD, parameters, triggers, actions: { ...actions, Note: { runAfter: last ? { [last]: ['Succeeded'] } : {}, type: 'Compose', inputs: NOTE, metadata } }, outputs: {}, ...rest };
};
const one = (name, action, more) => flow({ [name]: { runAfter: {}, metadata, ...action } }, more);
const expression = (kind, inputs) => one(kind, { type: 'Expression', kind, inputs });
const variable = (type, value) => ({ runAfter: {}, type: 'InitializeVariable', inputs: { variables: [{ name: 'held', type, ...(value === undefined ? {} : { value }) }] } });
const changed = (type, name, initial, inputs) => flow({ Begin: variable(type, initial), Change: { runAfter: { Begin: ['Succeeded'] }, type: name, inputs: { name: 'held', ...inputs } } });
const inner = { Inside: { type: 'Compose', inputs: '@triggerBody()', runAfter: {} } };
const mail = (operation, parameters) => ({ type: 'OpenApiConnection', inputs: { host: { connectionName: 'shared_flowpush', operationId: operation, apiId: '/providers/Microsoft.PowerApps/apis/shared_flowpush' }, parameters, ...AUTHENTICATION } });
const timetable = (recurrence) => flow({}, { triggers: { Recurrence: { type: 'Recurrence', recurrence, metadata } } });
const condition = (expression) => flow({ If: { type: 'If', expression, actions: inner, else: { actions: {} }, runAfter: {}, metadata } });

export const DEFINITIONS = {
  // Triggers.
  'request with schema': one('Read', { type: 'Compose', inputs: "@triggerBody()?['name']" }, { triggers: { manual: { type: 'Request', kind: 'Http', inputs: { method: 'POST', relativePath: 'orders/{id}', schema: { type: 'object', properties: { name: { type: 'string' }, 'odd name': { type: ['string', 'null'] } } } } } } }),
  'manual with inputs': one('Read', { type: 'Compose', inputs: "@triggerBody()['text']" }, { triggers: { manual: { type: 'Request', kind: 'Button', inputs: { schema: { type: 'object', properties: { text: { title: 'Input', type: 'string', 'x-ms-dynamically-added': true, description: 'Please enter your input', 'x-ms-content-hint': 'TEXT' } }, required: ['text'] } } } } }),
  'trigger with conditions': flow({}, { triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} }, conditions: [{ expression: "@equals(triggerBody()?['action'],'opened')" }] } } }),
  'trigger that splits': flow({}, { triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} }, splitOn: "@triggerBody()?['items']", runtimeConfiguration: { concurrency: { runs: 5 } } } } }),
  'every third hour': timetable({ frequency: 'Hour', interval: 3, startTime: '2026-01-01T06:00:00Z', timeZone: 'W. Europe Standard Time' }),
  'on week days at two hours': timetable({ frequency: 'Week', interval: 1, timeZone: 'Eastern Standard Time', schedule: { weekDays: ['Monday', 'Friday'], hours: [8, '17'], minutes: [0, 30] } }),
  'on days of the month': timetable({ frequency: 'Month', interval: 1, schedule: { monthDays: [1, 15], hours: ['6'] } }),
  'a timetable from parameters': flow({}, { parameters: { every: { type: 'Int', defaultValue: 15 } }, triggers: { Recurrence: { type: 'Recurrence', recurrence: { frequency: 'Minute', interval: "@parameters('every')" } } } }),
  'a sliding window': flow({}, { triggers: { Window: { type: 'SlidingWindow', recurrence: { frequency: 'Hour', interval: 1 }, inputs: { delay: 'PT15M' } } } }),
  'an address that is polled': flow({}, { triggers: { HTTP: { type: 'Http', inputs: { method: 'GET', uri: 'https://api.example.org/state', headers: { Accept: 'application/json' } }, recurrence: { frequency: 'Minute', interval: 10 } } } }),
  'a webhook of its own': flow({}, { triggers: { Hook: { type: 'HttpWebhook', inputs: { subscribe: { method: 'POST', uri: 'https://api.example.org/hooks', body: { url: '@listCallbackUrl()' } }, unsubscribe: { method: 'DELETE', uri: 'https://api.example.org/hooks' } } } } }),
  // Values.
  'a text with tokens': one('Text', { type: 'Compose', inputs: "Hello @{triggerBody()?['name']}, it is @{utcNow('yyyy-MM-dd')}" }),
  'an object with odd names': one('Object', { type: 'Compose', inputs: { '@@odata.type': '#microsoft.graph.message', 'a b': 1, nothing: null, list: [true, 1.5, 'x'] } }),
  'an e-mail address': one('Address', { type: 'Compose', inputs: 'kim@@example.org' }),
  'numbers and truths': one('Values', { type: 'Compose', inputs: [0, -1, 1e21, true, false, null, ''] }),
  'Parse JSON': one('Parse_JSON', { type: 'ParseJson', inputs: { content: '@triggerBody()', schema: { type: 'array', items: { type: 'object', properties: { id: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } } }, required: ['id'] } } } }),
  'Filter array': one('Filter_array', { type: 'Query', inputs: { from: "@triggerBody()?['value']", where: "@and(equals(item()?['open'], true), greater(item()?['amount'], 10))" } }),
  Select: one('Select', { type: 'Select', inputs: { from: "@triggerBody()?['value']", select: { Title: "@item()?['title']", 'Due date': "@formatDateTime(item()?['due'],'d')" } } }),
  'Select of one value': one('Select', { type: 'Select', inputs: { from: '@range(0, 5)', select: '@item()' } }),
  Join: one('Join', { type: 'Join', inputs: { from: "@triggerBody()?['names']", joinWith: '; ' } }),
  'a CSV table': one('Create_CSV_table', { type: 'Table', inputs: { from: '@triggerBody()', format: 'CSV' } }),
  'an HTML table with columns': one('Create_HTML_table', { type: 'Table', inputs: { from: '@triggerBody()', format: 'HTML', columns: [{ header: 'Name', value: "@item()?['name']" }, { header: 'Sum', value: "@mul(item()?['count'], item()?['price'])" }] } }),
  // Variables.
  'a text variable': changed('string', 'SetVariable', 'a', { value: "@{triggerBody()?['name']}!" }),
  'an integer variable': changed('integer', 'IncrementVariable', 0, { value: 2 }),
  'a float variable': changed('float', 'DecrementVariable', 1.5, { value: 0.5 }),
  'a boolean variable': changed('boolean', 'SetVariable', '@false', { value: "@not(equals(triggerBody(), null))" }),
  'an array variable': changed('array', 'AppendToArrayVariable', [], { value: { id: "@triggerBody()?['id']" } }),
  'an object variable': changed('object', 'SetVariable', { a: 1 }, { value: "@setProperty(triggerBody(), 'b', 2)" }),
  'text that grows': changed('string', 'AppendToStringVariable', undefined, { value: '<li>@{triggerBody()}</li>' }),
  // Time and text.
  ConvertTimeZone: expression('ConvertTimeZone', { baseTime: '@utcNow()', sourceTimeZone: 'UTC', destinationTimeZone: 'W. Europe Standard Time', formatString: 'g' }),
  CurrentTime: expression('CurrentTime', {}),
  AddToTime: expression('AddToTime', { baseTime: '@utcNow()', interval: 3, timeUnit: 'Day' }),
  SubtractFromTime: expression('SubtractFromTime', { baseTime: '@utcNow()', interval: '1', timeUnit: 'Month' }),
  GetFutureTime: expression('GetFutureTime', { interval: 1, timeUnit: 'Week' }),
  GetPastTime: expression('GetPastTime', { interval: 2, timeUnit: 'Hour' }),
  Substring: expression('Substring', { text: 'abcdef', startIndex: 1, length: 3 }),
  IndexOf: expression('IndexOf', { text: 'abcdef', searchText: 'cd' }),
  'wait three minutes': one('Delay', { type: 'Wait', inputs: { interval: { count: 3, unit: 'Minute' } } }),
  'wait until a moment': one('Delay_until', { type: 'Wait', inputs: { until: { timestamp: "@addDays(utcNow(), 1)" } } }),
  // Control.
  'a condition of rows': condition({ and: [{ equals: ["@triggerBody()?['state']", 'open'] }, { not: { equals: ["@triggerBody()?['draft']", true] } }] }),
  'a condition in groups': condition({ or: [{ and: [{ greater: ["@triggerBody()?['a']", 1] }, { contains: ["@triggerBody()?['b']", 'x'] }] }, { startsWith: ["@triggerBody()?['c']", 'y'] }] }),
  'a condition as one expression': condition("@equals(triggerBody()?['a'], 1)"),
  'a type in lower case': flow({ If: { type: 'if', expression: { equals: [1, 1] }, actions: inner, else: { actions: { Other: { type: 'compose', inputs: 1, runAfter: {} } } }, runAfter: {} } }),
  'Apply to each': flow({ Apply_to_each: { type: 'Foreach', foreach: "@triggerBody()?['items']", actions: { Each: { type: 'Compose', inputs: "@items('Apply_to_each')?['id']", runAfter: {} } }, runAfter: {}, runtimeConfiguration: { concurrency: { repetitions: 20 } }, metadata } }),
  'a loop in a loop': flow({ Outer: { type: 'Foreach', foreach: '@triggerBody()', actions: { Inner: { type: 'Foreach', foreach: "@item()?['lines']", actions: { Line: { type: 'Compose', inputs: "@concat(items('Outer')?['id'], item())", runAfter: {} } }, runAfter: {} } }, runAfter: {} } }),
  'Do until': flow({ Begin: variable('integer', 0), Do_until: { type: 'Until', expression: "@greaterOrEquals(variables('held'), 3)", limit: { count: 10, timeout: 'PT5M' }, actions: { Count: { type: 'IncrementVariable', inputs: { name: 'held', value: 1 }, runAfter: {} } }, runAfter: { Begin: ['Succeeded'] }, metadata } }),
  Switch: flow({ Switch: { type: 'Switch', expression: "@triggerBody()?['kind']", cases: { Case: { case: 'a', actions: inner }, Case_2: { case: 2, actions: {} } }, default: { actions: { Else: { type: 'Compose', inputs: 0, runAfter: {} } } }, runAfter: {}, metadata } }),
  'try and catch': flow({ Try: { type: 'Scope', actions: inner, runAfter: {} }, Catch: { type: 'Scope', actions: { Why: { type: 'Compose', inputs: "@result('Try')", runAfter: {} } }, runAfter: { Try: ['FAILED', 'TimedOut'] } }, After: { type: 'Compose', inputs: 1, runAfter: { Catch: ['Succeeded', 'Skipped'] } } }),
  'branches side by side': flow({ Left: { type: 'Compose', inputs: 1, runAfter: {} }, Right: { type: 'Compose', inputs: 2, runAfter: {} }, Both: { type: 'Compose', inputs: "@add(outputs('Left'), outputs('Right'))", runAfter: { Left: ['Succeeded'], Right: ['Succeeded', 'Failed'] } } }),
  Terminate: flow({ Check: { type: 'If', expression: '@empty(triggerBody())', actions: { Stop: { type: 'Terminate', inputs: { runStatus: 'Failed', runError: { code: 'Empty', message: 'There is nothing.' } }, runAfter: {} } }, runAfter: {} } }),
  // Services.
  'an HTTP request': one('HTTP', { type: 'Http', inputs: { method: 'POST', uri: 'https://api.example.org/items', headers: { 'Content-Type': 'application/json', 'X-Trace': "@{guid()}" }, queries: { 'api-version': '1' }, body: { id: "@triggerBody()?['id']", '@@type': 'x' }, retryPolicy: { type: 'exponential', count: 4, interval: 'PT7S', minimumInterval: 'PT5S', maximumInterval: 'PT1H' } }, runtimeConfiguration: { secureData: { properties: ['inputs'] }, contentTransfer: { transferMode: 'Chunked' } }, operationOptions: 'DisableAsyncPattern', limit: { timeout: 'PT1M' } }),
  'HTTP with authentication': one('HTTP', { type: 'Http', inputs: { method: 'GET', uri: "@{parameters('base')}/me", authentication: { type: 'ActiveDirectoryOAuth', tenant: 't', audience: 'https://graph.example.org', clientId: 'c', secret: "@parameters('secret')" } } }, { parameters: { base: { type: 'String', defaultValue: 'https://graph.example.org' }, secret: { type: 'SecureString', defaultValue: 'x' } } }),
  'HTTP that reads all pages': one('HTTP', { type: 'Http', inputs: { method: 'GET', uri: 'https://graph.example.org/users' }, runtimeConfiguration: { paginationPolicy: { minimumItemCount: 5000 } } }),
  'an answer': one('Response', { type: 'Response', kind: 'Http', inputs: { statusCode: 201, headers: { Location: '/x/1' }, body: { id: 1 }, schema: { type: 'object' } } }),
  'HTTP that waits for a call-back': one('Wait_for_it', { type: 'HttpWebhook', inputs: { subscribe: { method: 'POST', uri: 'https://api.example.org/jobs', body: { callback: '@{listCallbackUrl()}' } }, unsubscribe: {} }, limit: { timeout: 'P1D' } }),
  'a mobile notification': one('Buzz', mail('SendNotification', { 'NotificationDefinition/notificationText': 'Done: @{triggerBody()}', 'NotificationDefinition/notificationLink/uri': 'https://example.org' })),
  'a mail': one('Mail', mail('SendEmailNotification', { 'NotificationEmailDefinition/notificationSubject': 'Hello', 'NotificationEmailDefinition/notificationBody': '<p>@{triggerBody()}</p>' })),
  'an approval': one('Start_and_wait_for_an_approval', { type: 'OpenApiConnectionWebhook', inputs: { host: { connectionName: 'shared_approvals', operationId: 'StartAndWaitForAnApproval', apiId: '/providers/Microsoft.PowerApps/apis/shared_approvals' }, parameters: { approvalType: 'CustomResponseAwaitAll', 'WebhookApprovalCreationInput/responseOptions': ['Yes', 'Later'], 'WebhookApprovalCreationInput/title': 'T', 'WebhookApprovalCreationInput/assignedTo': 'ada@example.org;', 'WebhookApprovalCreationInput/enableNotifications': true, 'WebhookApprovalCreationInput/enableReassignment': false }, ...AUTHENTICATION } }),
  'an approval in two steps': flow({ Create_an_approval: { type: 'OpenApiConnection', inputs: { host: { connectionName: 'shared_approvals', operationId: 'CreateAnApproval', apiId: '/providers/Microsoft.PowerApps/apis/shared_approvals' }, parameters: { approvalType: 'Basic', 'ApprovalCreationInput/title': 'Order 7', 'ApprovalCreationInput/assignedTo': 'kim@example.org;', 'ApprovalCreationInput/enableReassignment': true } }, runAfter: {} }, Wait_for_an_approval: { type: 'OpenApiConnectionWebhook', inputs: { host: { connectionName: 'shared_approvals', operationId: 'WaitForAnApproval', apiId: '/providers/Microsoft.PowerApps/apis/shared_approvals' }, parameters: { approvalName: "@outputs('Create_an_approval')?['body/name']" } }, limit: { timeout: 'P14D' }, runAfter: { Create_an_approval: ['Succeeded'] }, metadata } }),
  'a script': one('Execute_JavaScript_Code', { type: 'JavaScriptCode', inputs: { code: 'return 1;', explicitDependencies: { actions: [], includeTrigger: true } } }),
  'a type that nobody knows': one('Odd', { type: 'ServiceProvider', inputs: { parameters: { a: 1 }, serviceProviderConfiguration: { operationId: 'x' } } }),
};

/** The same definition after the word in `Note` was changed. */
export const withNote = (definition, inputs) => ({ ...definition, actions: { ...definition.actions, Note: { ...definition.actions.Note, inputs } } });
export const NOTE_BEFORE = NOTE;
