// Every page of the interface on the sample server, and what is opened on it.

/** The page is there, and nothing is loading any more. */
export async function settled(page) {
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await page.waitForFunction(() => !document.querySelector('.loading'));
}

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
