// Every page of the interface on the sample server, and what is opened on it.

/** The page is there, and nothing is loading any more. */
export async function settled(page) {
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await page.waitForFunction(() => !document.querySelector('.loading'));
}

const call = (api, operation, parameters, after) => ({ type: 'OpenApiConnection', inputs: { host: { apiId: `/providers/Microsoft.PowerApps/apis/${api}`, connectionName: api, operationId: operation }, parameters }, runAfter: after ? { [after]: ['Succeeded'] } : {} });
/** Above a table, or on a narrow page beside it. */
const chooseAll = (page) => (page.viewportSize().width > 760 ? page.locator('thead input[type=checkbox]') : page.getByRole('checkbox', { name: 'Choose all', exact: true }));
/** A flow of Power Automate with connectors that are not here. */
export const IMPORTED = {
  name: '9b1f',
  properties: {
    displayName: 'Flagged mail to task',
    connectionReferences: Object.fromEntries(['shared_office365', 'shared_planner', 'shared_forge'].map((api) => [api, { connectionName: api, source: 'Invoker', id: `/providers/Microsoft.PowerApps/apis/${api}` }])),
    definition: {
      $schema: 'https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#',
      contentVersion: '1.0.0.0',
      triggers: { When_an_email_is_flagged: { type: 'OpenApiConnectionWebhook', inputs: { host: { apiId: '/providers/Microsoft.PowerApps/apis/shared_office365', connectionName: 'shared_office365', operationId: 'OnFlaggedEmailV3' }, parameters: { folderPath: 'Inbox' } } } },
      actions: {
        Subject: { type: 'Compose', inputs: "@triggerOutputs()?['body/subject']", runAfter: {} },
        Create_a_task: call('shared_planner', 'CreateTask_V3', { 'body/planId': 'p', 'body/title': "@{outputs('Subject')}" }, 'Subject'),
        'Open_an_issue': call('shared_forge', 'CreateIssue', { owner: 'ada', repo: 'engine', 'body/title': "@{outputs('Subject')}" }, 'Create_a_task'),
        'Send_an_email_(V2)': call('shared_office365', 'SendEmailV2', { 'emailMessage/To': 'ada@example.org', 'emailMessage/Subject': "@{outputs('Subject')}", 'emailMessage/Body': '<p>A task was made.</p>' }, 'Open_an_issue'),
      },
    },
  },
};

/** `before` brings the page into the state to look at. */
export function pagesOf({ flows, runs, connector, connection }) {
  const card = (page, name) => page.locator(`[data-card="${name}"]`);
  const open = (name) => async (page) => {
    await card(page, name).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('complementary').waitFor();
  };
  return [
    { name: 'sign-in', path: '/sign-in', stranger: true },
    { name: 'home', path: '/' },
    { name: 'first-flow-github', path: `/first-flow/github?connector=${connector}` },
    { name: 'first-flow-file', path: '/first-flow/file' },
    { name: 'first-flow-generic', path: `/first-flow/generic?flow=${flows.orders}` },
    { name: 'flows', path: '/flows' },
    { name: 'flows-none', path: '/flows?q=nothing-is-called-so' },
    { name: 'flows-chosen', path: '/flows', before: (page) => chooseAll(page).check() },
    { name: 'import', path: '/flows/import' },
    {
      name: 'import-mapped',
      path: '/flows/import',
      before: async (page) => {
        await page.getByLabel('Package or definition').setInputFiles({ name: 'flow.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(IMPORTED)) });
        await page.getByRole('heading', { name: 'Office365' }).waitFor();
        await page.getByRole('button', { name: 'Show the steps' }).first().click();
      },
    },
    { name: 'templates', path: '/templates' },
    {
      name: 'template',
      path: '/templates',
      before: async (page) => {
        await page.getByRole('button', { name: /Catch errors of several steps/ }).click();
        await page.getByRole('dialog').waitFor();
      },
    },
    { name: 'flow', path: `/flows/${flows.pushes}` },
    { name: 'flow-refused', path: `/flows/${flows.missing}` },
    { name: 'designer-new', path: '/flows/new' },
    { name: 'designer', path: `/flows/${flows.orders}/edit` },
    {
      name: 'designer-step',
      path: `/flows/${flows.pushes}/edit`,
      before: async (page) => {
        await open('Tell_the_team')(page);
        await page.getByRole('textbox', { name: 'Text' }).focus();
        await page.getByRole('group', { name: 'Insert dynamic content', exact: true }).getByText('Pusher name').first().waitFor();
      },
    },
    {
      name: 'designer-expression',
      path: `/flows/${flows.pushes}/edit`,
      before: async (page) => {
        await open('Remember_the_branch')(page);
        await page.getByRole('textbox', { name: 'Inputs' }).focus();
        await page.getByRole('tab', { name: 'Expression' }).click();
        await page.locator('.picker .cm-content').click();
        await page.keyboard.insertText("toUpper(last(split(triggerBody()?['ref'], '/')))");
        await page.locator('.outcome .json').waitFor();
      },
    },
    {
      name: 'designer-menu',
      path: `/flows/${flows.pushes}/edit`,
      before: async (page) => {
        await page.getByRole('button', { name: 'New step' }).last().click();
        await page.getByRole('menuitem', { name: 'Add an action' }).waitFor();
      },
    },
    {
      name: 'designer-keys',
      path: `/flows/${flows.pushes}/edit`,
      before: async (page) => {
        await card(page, '$trigger').focus();
        await page.keyboard.press('?');
        await page.getByRole('dialog').waitFor();
      },
    },
    {
      name: 'designer-search',
      path: `/flows/${flows.pushes}/edit`,
      before: async (page) => {
        await card(page, 'Open_an_issue').focus();
        await page.keyboard.press('Insert');
        await page.getByRole('region', { name: 'Forge' }).waitFor();
      },
    },
    { name: 'designer-condition', path: `/flows/${flows.pushes}/edit`, before: open('Is_it_the_main_branch') },
    { name: 'designer-connector', path: `/flows/${flows.pushes}/edit`, before: open('Open_an_issue') },
    {
      name: 'designer-settings',
      path: `/flows/${flows.pushes}/edit`,
      before: async (page) => {
        await open('Open_an_issue')(page);
        await page.getByRole('tab', { name: 'Settings' }).click();
      },
    },
    ...[['recurrence', '$trigger', 'Parameters'], ['http', 'Read_the_report', 'Parameters'], ['retries', 'Read_the_report', 'Settings'], ['about', 'Read_the_report', 'About'], ['select', 'Shorten', 'Parameters'], ['table', 'As_a_table', 'Parameters'], ['switch', 'Where_it_goes', 'Parameters'], ['run-after', 'Say_that_it_failed', 'Run after'], ['trigger-settings', '$trigger', 'Settings']].map(([name, step, tab]) => ({
      name: `designer-${name}`,
      path: `/flows/${flows.forms}/edit`,
      before: async (page) => {
        await open(step)(page);
        await page.getByRole('tab', { name: tab, exact: true }).click();
        // The times that come next stand below the form.
        if (name === 'recurrence') await page.locator('.recurrence-preview time').first().waitFor();
      },
    })),
    {
      name: 'designer-sample',
      path: `/flows/${flows.orders}/edit`,
      before: async (page) => {
        await open('$trigger')(page);
        await page.getByRole('button', { name: 'Use sample payload to generate schema' }).click();
        await page.getByRole('dialog').waitFor();
      },
    },
    {
      name: 'designer-wait',
      path: `/flows/${flows.orders}/edit`,
      before: async (page) => {
        await page.getByRole('button', { name: 'Test' }).click();
        await page.getByRole('radio', { name: 'Wait for a real one' }).check();
        await page.getByText(/Waiting for the next run/).waitFor();
      },
    },
    {
      name: 'designer-checker',
      path: `/flows/${flows.draft}/edit`,
      before: async (page) => {
        await page.getByRole('button', { name: /Flow checker/ }).click();
        await page.getByRole('complementary').waitFor();
      },
    },
    {
      name: 'designer-test',
      path: `/flows/${flows.orders}/edit`,
      before: async (page) => {
        await page.getByRole('button', { name: 'Test' }).click();
        await page.locator('.cm-content').waitFor();
      },
    },
    {
      name: 'designer-code',
      path: `/flows/${flows.orders}/edit?view=code`,
      before: async (page) => {
        await page.locator('.cm-content').waitFor();
      },
    },
    { name: 'runs', path: `/flows/${flows.orders}/runs` },
    {
      name: 'runs-causes',
      path: `/flows/${flows.orders}/runs?causes=yes`,
      before: async (page) => {
        await page.getByRole('region', { name: 'Failures by cause' }).getByRole('listitem').first().waitFor();
        await chooseAll(page).check();
      },
    },
    { name: 'runs-filtered', path: `/flows/${flows.orders}/runs?status=Failed,TimedOut&from=2026-01-01T00:00:00Z&q=lamp` },
    { name: 'runs-none', path: `/flows/${flows.orders}/runs?status=Cancelled` },
    { name: 'run-compare', path: `/flows/${flows.orders}/runs/${runs.bad}?compare=${runs.good}`, before: (page) => page.locator('.compare summary').first().click() },
    { name: 'run-succeeded', path: `/flows/${flows.orders}/runs/${runs.good}` },
    { name: 'run-failed', path: `/flows/${flows.orders}/runs/${runs.bad}`, before: (page) => card(page, 'Reserve').click() },
    { name: 'run-webhook', path: `/flows/${flows.missing}/runs/${runs.webhook}` },
    { name: 'connectors', path: '/connectors' },
    ...['general', 'security', 'definition', 'test', 'code'].map((part) => ({ name: `connector-${part}`, path: `/connectors/${connector}/${part}` })),
    {
      name: 'connector-operation',
      path: `/connectors/${connector}/definition`,
      before: (page) => page.getByRole('button', { name: 'When something is pushed' }).click(),
    },
    { name: 'connections', path: '/connections' },
    { name: 'connection', path: `/connections/${connection}` },
    { name: 'signed-in-nothing', path: '/oauth/callback' },
    { name: 'notifications', path: '/notifications' },
    ...['account', 'tokens', 'users', 'devices', 'server'].map((part) => ({ name: `settings-${part}`, path: `/settings/${part}` })),
    {
      name: 'settings-check',
      path: '/settings/server',
      before: async (page) => {
        await page.getByRole('button', { name: 'Check the address' }).click();
        await page.locator('.checks').waitFor();
      },
    },
    { name: 'not-found', path: '/nowhere' },
  ];
}
