// Sixty flows and two hundred runs: sorted, tagged, searched by words in any order, changed together; failures by cause, repeated as one batch.
import { runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';

const SUBJECTS = ['Stripe', 'GitHub', 'Orders', 'Payroll', 'Support', 'Sensors'];
const VERBS = ['Reconcile', 'Forward', 'Archive', 'Announce', 'Check', 'Count', 'Clean', 'Escalate', 'Merge', 'Export'];
const definition = {
  triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } },
  actions: {
    Check: {
      type: 'If', expression: "@equals(triggerBody()?['bad'], true)", runAfter: {}, else: { actions: {} },
      actions: { Stop: { type: 'Terminate', runAfter: {}, inputs: { runStatus: 'Failed', runError: { code: '500', message: "CRM answered 500, pool exhausted, order @{triggerBody()?['order']}" } } } },
    },
  },
};

await runScript('many', async (world, step) => {
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const see = (locator) => locator.waitFor();
  const names = () => page.locator('tbody [data-row]').allTextContents();
  const rows = async (count) => until(`${count} rows`, async () => (await page.locator('tbody [data-row]').count()) === count);
  let orders;

  await step(1, 'sixty flows are sorted, searched by words in any order, and filed under tags', async () => {
    for (const subject of SUBJECTS) for (const verb of VERBS) await call('POST', '/api/flows', { name: `${verb} ${subject}`, definition, state: 'off' });
    await person.goto('/flows');
    await rows(60);
    await page.getByLabel('Sort by').selectOption({ label: 'Name' });
    await until('the order', async () => (await names())[0] === 'Announce GitHub');
    await page.getByRole('searchbox', { name: 'Search flows' }).fill('stripe recon');
    await rows(1);
    same('what is found', await names(), ['Reconcile Stripe']);
    await page.getByRole('searchbox', { name: 'Search flows' }).fill('stripe');
    await rows(10);
    await page.getByRole('checkbox', { name: 'Choose all flows of the list' }).check();
    await page.getByRole('toolbar', { name: '10 flows chosen' }).getByRole('button', { name: 'Add tags' }).click();
    await page.getByRole('dialog').getByRole('textbox', { name: 'Tags' }).fill('money, Stripe');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await see(button('Only flows with the tag money').first());
    await page.getByRole('searchbox', { name: 'Search flows' }).fill('');
    await rows(60);
    await page.getByLabel('Tag', { exact: true }).selectOption('money');
    await rows(10);
  });

  await step(2, 'all of a tag are turned on together, and the rows can be small', async () => {
    await page.getByRole('checkbox', { name: 'Choose all flows of the list' }).check();
    await page.getByRole('toolbar').getByRole('button', { name: 'Turn on' }).click();
    await see(page.getByText('Done: 10 of 10'));
    same('what is on', (await call('GET', '/api/flows?state=on')).items.length, 10);
    const before = (await page.locator('tbody tr').first().boundingBox()).height;
    await button('Compact rows').click();
    const after = (await page.locator('tbody tr').first().boundingBox()).height;
    if (after > before * 0.8) throw new Error(`compact rows are ${after} px high, others ${before}`);
  });

  await step(3, 'failures among two hundred runs are grouped by cause', async () => {
    orders = (await call('GET', '/api/flows?q=orders%20check')).items[0].id;
    await call('POST', `/api/flows/${orders}/on`);
    const { webhook } = await call('GET', `/api/flows/${orders}`);
    for (let from = 0; from < 200; from += 20) {
      const bodies = Array.from({ length: 20 }, (_, at) => ({ bad: (from + at) % 5 === 0, order: 100_000 + from + at }));
      await Promise.all(bodies.map((body) => fetch(webhook.callback_url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })));
    }
    await until('all runs to end', async () => (await call('GET', `/api/runs?flow=${orders}&status=Succeeded,Failed&limit=500`)).items.length === 200);
    await person.goto(`/flows/${orders}/runs`);
    await button('Failures by cause').click();
    await see(page.getByRole('region', { name: 'Failures by cause' }).getByText('40 runs:'));
    await see(page.getByText('CRM answered 500, pool exhausted, order …', { exact: false }));
  });

  await step(4, 'they are repeated as one batch that goes on when the page is left', async () => {
    const fixed = structuredClone(definition);
    fixed.actions = { Take: { type: 'Compose', inputs: '@triggerBody()', runAfter: {} } };
    const flow = await call('GET', `/api/flows/${orders}`);
    await call('PUT', `/api/flows/${orders}`, { name: flow.name, definition: fixed });
    await page.getByRole('region', { name: 'Failures by cause' }).getByRole('button', { name: 'Resubmit' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resubmit' }).click();
    await see(page.getByRole('region', { name: 'Many runs at once' }));
    await person.goto('/');
    await see(page.getByRole('region', { name: 'Many runs at once' }).getByText('Resubmitted: 40 of 40 runs.'));
    await until('the runs to succeed', async () => (await call('GET', `/api/runs?flow=${orders}&status=Succeeded&limit=500`)).items.length === 200);
    // A second press does nothing twice.
    await person.goto(`/flows/${orders}/runs?status=Failed`);
    await page.getByRole('checkbox', { name: 'Choose all runs that are shown' }).check();
    await button('Resubmit').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resubmit' }).click();
    await see(page.getByText('40 were left out, since they were repeated before.'));
    same('no run more', (await call('GET', `/api/runs?flow=${orders}&limit=500`)).items.length, 240);
  });

  await step(5, 'what is not possible is said; columns are chosen on the page', async () => {
    await person.goto(`/flows/${orders}/runs?status=Succeeded`);
    await page.getByRole('checkbox', { name: 'Choose all runs that are shown' }).check();
    await see(page.getByText('50 runs chosen'));
    await button('Choose all runs that match').click();
    await see(page.getByText('All runs that match are chosen'));
    await button('Cancel runs').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel runs' }).click();
    await see(page.getByText('200 were not possible:'));
    await button('Choose columns').click();
    await page.getByRole('menuitemcheckbox', { name: 'Version' }).click();
    await page.keyboard.press('Escape');
    await see(page.getByRole('columnheader', { name: 'Version' }));
    const title = await page.locator('tbody time').first().getAttribute('title');
    if (!/\d{1,2}:\d\d:\d\d/.test(title ?? '')) throw new Error(`the exact time is ${title}`);
  });

  await step(6, 'a phone has the same: choose, repeat, tags', async () => {
    const phone = await world.person('phone', { phone: true });
    await phone.context.addCookies([cookie]);
    await phone.goto('/flows?tag=money');
    await phone.page.getByRole('checkbox', { name: 'Choose all', exact: true }).check();
    await phone.page.getByRole('toolbar', { name: '10 flows chosen' }).getByRole('button', { name: 'Turn off' }).click();
    await phone.page.getByText('Done: 10 of 10').waitFor();
    same('what is on', (await call('GET', '/api/flows?state=on')).items.length, 1);
    return phone;
  });
});
