// What a maker looks at after the flow is made: the list with its filters and pages, one run with all that is in it,
// two runs side by side, running again, and what the pages say when there is nothing to show or nobody to ask.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { runScript, same, until } from './harness.mjs';
import { signedIn } from './sample.mjs';

const MANY = 230;
const FLOWS = 310;
const LARGE = 'large '.repeat(80_000);

/** A service that answers each path as it was told: a list of answers, the last one for ever. */
async function startService() {
  const answers = new Map();
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const told = answers.get(request.url) ?? [{ status: 404, body: { message: 'Not Found' } }];
      const { status, body } = told.length > 1 ? told.shift() : told[0];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}`, answers, stop: () => new Promise((done) => server.close(done)) };
}

const manual = { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } };
const http = (uri, more = {}) => ({ type: 'Http', inputs: { method: 'GET', uri, ...more.inputs }, runAfter: more.runAfter ?? {} });

function definitions(service) {
  const chosen = { manual: { ...manual.manual, metadata: { runSummary: ["@triggerBody()?['repository']", "@triggerBody()?['ref']", "by @{triggerBody()?['pusher']}"] } } };
  return {
    Busy: { triggers: chosen, actions: { Say: { type: 'Compose', inputs: "@triggerBody()?['text']", runAfter: {} }, Check: http(`${service}/check`, { inputs: { retryPolicy: { type: 'none' } }, runAfter: { Say: ['Succeeded'] } }) } },
    Patient: { triggers: manual, actions: { Ask: http(`${service}/patient`, { inputs: { retryPolicy: { type: 'fixed', count: 3, interval: 'PT5S' } } }) } },
    Looping: {
      triggers: manual,
      actions: {
        Each_box: {
          type: 'Foreach', foreach: "@triggerBody()?['boxes']", runAfter: {}, runtimeConfiguration: { concurrency: { repetitions: 1 } },
          actions: {
            Each_thing: {
              type: 'Foreach', foreach: "@items('Each_box')", runAfter: {}, runtimeConfiguration: { concurrency: { repetitions: 1 } },
              actions: { Look: http(`${service}/look/@{items('Each_thing')}`, { inputs: { retryPolicy: { type: 'none' } } }) },
            },
          },
        },
        Never: { type: 'Compose', inputs: 'not reached', runAfter: { Each_box: ['TimedOut'] } },
      },
    },
    Large: { triggers: manual, actions: { Repeat: { type: 'Compose', inputs: "@concat(triggerBody()?['text'], '!')", runAfter: {} } } },
    Waiting: { triggers: manual, actions: { Wait: { type: 'Wait', inputs: { interval: { count: 1, unit: 'Hour' } }, runAfter: {} } } },
    Empty: { triggers: manual, actions: {} },
  };
}

await runScript('history', async (world, step) => {
  const service = await startService();
  const { call, cookie } = await signedIn(world.server);
  const ada = await world.person('ada');
  const { page } = ada;
  await ada.context.addCookies([cookie]);
  const flows = {};
  const run = async (name, body) => (await call('POST', `/api/flows/${flows[name]}/run`, { body })).run;
  const ended = (id) => until(`the end of ${id}`, async () => (await call('GET', `/api/runs/${id}`)).ended_at, 30_000);
  const rows = () => page.locator('tr[data-run]');
  const card = (name) => page.locator(`[data-card="${name}"]`);
  const side = page.getByRole('complementary');
  const openCard = async (name) => {
    await card(name).focus();
    await page.keyboard.press('Enter');
    await side.waitFor();
  };
  const button = (name, exact = true) => page.getByRole('button', { name, exact });
  let broken;
  let patient;

  await step(1, 'flows and several hundred runs', async () => {
    service.answers.set('/check', [{ status: 200, body: { fine: true } }]);
    service.answers.set('/patient', [{ status: 503, body: { reason: 'first' } }, { status: 429, body: { reason: 'second' } }, { status: 200, body: { reason: 'third' } }]);
    for (const name of ['a', 'b', 'd', 'e', 'f']) service.answers.set(`/look/${name}`, [{ status: 200, body: { name } }]);
    for (const [name, definition] of Object.entries(definitions(service.url))) flows[name] = (await call('POST', '/api/flows', { name, definition })).id;
    // Its retries take ten seconds, during which the rest goes on.
    patient = await run('Patient', {});
    let last;
    for (let number = 0; number < MANY; number += 1) last = await run('Busy', { repository: 'acme/rocket', ref: `branch-${number}`, pusher: number % 2 ? 'ada' : 'grace', text: `needle number ${number}` });
    await ended(last);
    service.answers.set('/check', [{ status: 500, body: { why: 'the disk is full' } }]);
    broken = await run('Busy', { repository: 'acme/rocket', ref: 'broken', pusher: 'ada', text: 'needle broken' });
    await ended(broken);
    await page.goto(`${world.server.url}/flows/${flows.Busy}/runs`);
    await rows().first().waitFor();
  });

  await step(2, 'the list says what started each run, with the values that the maker chose', async () => {
    await page.getByText('acme/rocket · broken · by ada').waitFor();
    await page.getByText('acme/rocket · branch-229 · by ada').waitFor();
    same('the title names the thing first', await page.title(), 'Run history of Busy · Hookmill');
  });

  await step(3, 'pages by keyboard: arrows, End, show more; each run once', async () => {
    same('rows of the first page', await rows().count(), 50);
    await page.locator('tr[data-run] a[data-row]').first().focus();
    await page.keyboard.press('ArrowDown');
    same('the second row has the focus', await page.evaluate(() => document.activeElement.closest('tr').dataset.run === document.querySelectorAll('tr[data-run]')[1].dataset.run), true);
    for (let count = 100; count <= 200; count += 50) {
      await page.keyboard.press('End');
      await page.keyboard.press('Enter');
      await until(`${count} rows`, async () => (await rows().count()) === count);
    }
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await until('all rows', async () => (await rows().count()) === MANY + 1);
    const ids = await rows().evaluateAll((all) => all.map((row) => row.dataset.run));
    same('each run once', new Set(ids).size, MANY + 1);
    same('newest first', ids, [...ids].sort().reverse());
  });

  await step(4, 'a run that begins appears above, and what one reads stays where it is', async () => {
    const read = rows().nth(120);
    await read.scrollIntoViewIfNeeded();
    const id = await read.getAttribute('data-run');
    const before = (await page.locator(`tr[data-run="${id}"]`).boundingBox()).y;
    service.answers.set('/check', [{ status: 200, body: { fine: true } }]);
    const fresh = await run('Busy', { repository: 'acme/rocket', ref: 'fresh', pusher: 'ada', text: 'fresh' });
    await page.locator(`tr[data-run="${fresh}"]`).waitFor({ state: 'attached' });
    await until('its end in the list', async () => (await page.locator(`tr[data-run="${fresh}"] [data-status]`).getAttribute('data-status')) === 'Succeeded');
    const after = (await page.locator(`tr[data-run="${id}"]`).boundingBox()).y;
    if (Math.abs(after - before) > 2) throw new Error(`the row moved from ${before} to ${after}`);
  });

  await step(5, 'filters go together, stand in the address, and open in another tab', async () => {
    await page.getByRole('combobox', { name: 'Status' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Failed' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Timed out' }).click();
    await page.keyboard.press('Escape');
    await until('the failed run alone', async () => (await rows().count()) === 1);
    same('the address', new URL(page.url()).searchParams.get('status'), 'Failed,TimedOut');
    await button('Clear filters').click();
    await page.keyboard.press('/');
    await page.keyboard.type('NEEDLE number 17');
    // Words in any order that stand only in what the trigger gave: 17, 117, 217, and 170 to 179.
    await until('thirteen runs', async () => (await rows().count()) === 13);
    same('the address', new URL(page.url()).searchParams.get('q'), 'NEEDLE number 17');
    const other = await ada.context.newPage();
    await other.goto(page.url());
    await until('the same runs in another tab', async () => (await other.locator('tr[data-run]').count()) === 13);
    same('the field has the text', await other.getByRole('searchbox').inputValue(), 'NEEDLE number 17');
    await other.close();
  });

  await step(6, 'free times; nothing found says so', async () => {
    await button('Clear filters').click();
    await page.getByRole('combobox', { name: 'Time' }).selectOption('between');
    const broke = await call('GET', `/api/runs/${broken}`);
    const local = (moment) => new Date(moment).toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' }).replace(' ', 'T').slice(0, 16);
    await page.getByLabel('From').fill(local(Date.parse(broke.started_at) + 120_000));
    await page.getByText('No run fits the filters.').waitFor();
    const from = new URL(page.url()).searchParams.get('from');
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/.test(from)) throw new Error(`the address says from=${from}`);
    await page.getByLabel('From').fill(local(Date.parse(broke.started_at) - 3_600_000));
    await until('runs of the last hour', async () => (await rows().count()) === 50);
    await page.reload();
    same('the field after a reload', await page.getByLabel('From').inputValue(), local(Date.parse(broke.started_at) - 3_600_000));
    await page.goto(`${world.server.url}/flows/${flows.Empty}/runs`);
    await page.getByText('No runs yet').waitFor();
  });

  await step(7, 'a failed run opens at what failed, with what to do', async () => {
    await page.goto(`${world.server.url}/flows/${flows.Busy}/runs/${broken}`);
    await side.getByRole('heading', { name: 'Check' }).waitFor();
    await side.getByText('the disk is full').first().waitFor();
    await card('Say').waitFor();
  });

  await step(8, 'two runs side by side: where inputs, outputs and errors differ; the link is shared', async () => {
    await button('Compare').click();
    const dialog = page.getByRole('dialog');
    const [other] = (await call('GET', `/api/runs?flow=${flows.Busy}&status=Succeeded&limit=1`)).items;
    await dialog.getByRole('combobox', { name: 'Compare with another run' }).click();
    await page.getByRole('option', { name: /^Last that succeeded/ }).click();
    await dialog.locator('li[data-step="Check"][data-differs="true"]').waitFor();
    same('the address', new URL(page.url()).searchParams.get('compare'), other.id);
    const given = dialog.locator('li[data-step="$trigger"]');
    await given.locator('summary').click();
    await given.getByText('body.ref', { exact: true }).waitFor();
    await given.getByText('broken', { exact: true }).waitFor();
    const check = dialog.locator('li[data-step="Check"]');
    await check.getByRole('heading', { name: 'Error' }).waitFor();
    await check.getByText(/The service answered 500/).first().waitFor();
    await check.getByText('statusCode', { exact: true }).waitFor();
    const tab = await ada.context.newPage();
    await tab.goto(page.url());
    await tab.getByRole('dialog').locator('li[data-step="Check"][data-differs="true"]').waitFor();
    await tab.close();
    await ada.screenshot('08-compare');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    same('the address without it', new URL(page.url()).searchParams.get('compare'), null);
  });

  await step(9, 'resume from the failed action: what succeeded is taken over', async () => {
    await button('Resume from the failed action').click();
    await page.getByRole('menuitem', { name: /as it ran/ }).click();
    await until('another run', async () => !page.url().includes(broken));
    await page.locator('.run-facts [data-status="Succeeded"]').waitFor();
    await openCard('Say');
    await side.getByText('Taken over from the run that was resumed').waitFor();
    await page.getByRole('link', { name: /Resumed from the run of|Repeats the run of/ }).click();
    await until('the run before', async () => page.url().includes(broken));
  });

  await step(10, 'resubmit: the list leads to the run that it repeats', async () => {
    await button('Resubmit').click();
    await until('another run', async () => !page.url().includes(broken));
    await page.locator('.run-facts [data-status="Succeeded"]').waitFor();
    await button('Run history').click();
    await rows().first().getByRole('link', { name: 'Repeats another run' }).click();
    await until('the run that was repeated', async () => page.url().includes(broken));
  });

  await step(11, 'a run that waits is cancelled', async () => {
    const waiting = await run('Waiting', {});
    await page.goto(`${world.server.url}/flows/${flows.Waiting}/runs/${waiting}`);
    await button('Cancel run').click();
    await page.locator('.run-facts [data-status="Cancelled"]').waitFor();
  });

  await step(12, 'each attempt of a retry has its own request, answer and time', async () => {
    await ended(patient);
    await page.goto(`${world.server.url}/flows/${flows.Patient}/runs/${patient}`);
    await openCard('Ask');
    const attempts = side.locator('.attempts > li');
    await until('three attempts', async () => (await attempts.count()) === 3);
    for (const [index, [code, reason]] of [['503', 'first'], ['429', 'second'], ['200', 'third']].entries()) {
      const attempt = attempts.nth(index);
      await attempt.locator('summary').first().click();
      await attempt.getByRole('heading', { name: 'Request' }).waitFor();
      await attempt.getByRole('heading', { name: 'Response' }).waitFor();
      await attempt.getByText(code, { exact: true }).first().waitFor();
      await attempt.getByText(reason, { exact: true }).first().waitFor();
    }
  });

  await step(13, 'nested repetitions with a pager and next failed; unopened branches are grey', async () => {
    const looping = await run('Looping', { boxes: [['a', 'b'], ['c', 'd'], ['e', 'gone', 'f']] });
    await ended(looping);
    await page.goto(`${world.server.url}/flows/${flows.Looping}/runs/${looping}`);
    await openCard('Look');
    // It opens at the first that failed.
    await side.getByText('Repetition 3 of 7').waitFor();
    await side.getByText('Iteration 2 › 1').waitFor();
    await button('Previous').click();
    await button('Previous').click();
    await side.getByText('Repetition 1 of 7').waitFor();
    await side.getByText('Iteration 1 › 1').waitFor();
    await button('Next failed').click();
    await side.getByText('Repetition 3 of 7').waitFor();
    await side.getByText('Iteration 2 › 1').waitFor();
    same('the address', new URL(page.url()).searchParams.get('repetition'), '3');
    await button('Next failed').click();
    await side.getByText('Iteration 3 › 2').waitFor();
    await button('Next failed').click();
    await side.getByText('No later repetition failed.').waitFor();
    await page.reload();
    await side.getByText('Repetition 6 of 7').waitFor();
    await page.locator('.grey [data-card="Never"], [data-card="Never"].grey').first().waitFor();
  });

  await step(14, 'a large value is fetched on demand, and downloaded whole', async () => {
    const large = await run('Large', { text: LARGE });
    await ended(large);
    await page.goto(`${world.server.url}/flows/${flows.Large}/runs/${large}`);
    await openCard('Repeat');
    const outputs = side.locator('section').filter({ has: page.getByRole('heading', { name: 'Outputs' }) });
    const [download] = await Promise.all([page.waitForEvent('download'), outputs.getByRole('link', { name: 'Download' }).click()]);
    same('what was downloaded', JSON.parse(readFileSync(await download.path(), 'utf8')), `${LARGE}!`);
    await outputs.getByRole('button', { name: 'Load it' }).click();
    await outputs.getByText('large large').first().waitFor();
    await openCard('$trigger').catch(() => undefined);
  });

  await step(15, 'several hundred flows: search, state, arrows, Enter, Escape', async () => {
    const definition = { triggers: manual, actions: {} };
    for (let number = 0; number < FLOWS; number += 1) await call('POST', '/api/flows', { name: `Flow ${number} of team ${number % 7}`, definition, state: number % 50 ? 'off' : 'draft' });
    await page.goto(`${world.server.url}/flows`);
    const flowRows = page.locator('tbody tr');
    await until('the first page', async () => (await flowRows.count()) === 200);
    await page.keyboard.press('/');
    await page.keyboard.type('flow 30');
    await until('flow 30, 130, 230, and 300 to 309', async () => (await flowRows.count()) === 13);
    await page.getByRole('combobox', { name: 'State' }).selectOption('draft');
    await until('flow 300 alone', async () => (await flowRows.count()) === 1);
    same('the address', [...new URL(page.url()).searchParams].map(([name, value]) => `${name}=${value}`), ['q=flow 30', 'state=draft']);
    await page.getByRole('combobox', { name: 'State' }).selectOption('');
    await page.locator('a[data-row]').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const name = await page.evaluate(() => document.activeElement.textContent);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.goBack();
    await until('the search after a step back', async () => (await page.getByRole('searchbox').inputValue()) === 'flow 30');
    await page.getByRole('searchbox').fill('there is no such flow');
    await page.getByText('No flow matches.').waitFor();
  });

  await step(16, 'without the server the list says so and offers to try again', async () => {
    await page.goto(`${world.server.url}/flows/${flows.Busy}/runs`);
    await rows().first().waitFor();
    await world.server.stop();
    await page.getByRole('searchbox').fill('anything');
    await page.getByText('The server cannot be reached.').first().waitFor({ timeout: 30_000 });
    await button('Try again').first().waitFor();
  });
  await service.stop();
});
