// A flow with 600 actions: how long it takes to open, to pan, to type. The figures are printed; the bounds are generous, since test machines are shared.
import { designing } from './designing.mjs';
import { runScript } from './harness.mjs';
import { signedIn } from './sample.mjs';

const ACTIONS = 600;
const BOUNDS = { open: 4_000, key: 200, paint: 400, frame: 100, edit: 1_000 };

const SCHEMA = { type: 'object', properties: { number: { type: 'string', title: 'Order number' } } };
const long = () => {
  const actions = {};
  for (let index = 0; index < ACTIONS; index += 1) actions[`Step_${index}`] = { type: 'Compose', inputs: `@concat('${index}', triggerBody()?['number'])`, runAfter: index ? { [`Step_${index - 1}`]: ['Succeeded'] } : {} };
  return { triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: SCHEMA } } }, actions };
};
/** Scopes with conditions in them: as many cards, but wide and deep. */
const wide = () => {
  const actions = {};
  for (let scope = 0; scope < ACTIONS / 12; scope += 1) {
    const inner = {};
    for (let at = 0; at < 5; at += 1) {
      const call = (name) => ({ [name]: { type: 'Compose', inputs: "@triggerBody()?['number']", runAfter: {} } });
      inner[`Decide_${scope}_${at}`] = { type: 'If', expression: { and: [{ equals: ["@triggerBody()?['number']", `${at}x`] }] }, actions: call(`Yes_${scope}_${at}`), else: { actions: at ? {} : call(`No_${scope}_${at}`) }, runAfter: at ? { [`Decide_${scope}_${at - 1}`]: ['Succeeded'] } : {} };
    }
    actions[`Scope_${scope}`] = { type: 'Scope', actions: inner, runAfter: scope ? { [`Scope_${scope - 1}`]: ['Succeeded'] } : {} };
  }
  return { triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: SCHEMA } } }, actions };
};

const round = (figure) => Math.round(figure);
const median = (figures) => [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? 0;

await runScript('designer-large', async (world, step) => {
  const { call, cookie } = await signedIn(world.server);
  const person = await world.person('maker');
  const { page } = person;
  await person.context.addCookies([cookie]);
  const { box, card, openCard, button } = designing(person, call);

  const measure = async (what, definition, first, edited) => {
    const made = await call('POST', '/api/flows', { name: what, definition, connections: {}, state: 'draft' });
    await person.goto('/flows');
    await page.getByRole('link', { name: what, exact: true }).waitFor();
    // The page's code is there; what counts is the flow.
    await page.evaluate((path) => {
      window.begun = performance.now();
      window.history.pushState({}, '', path);
      window.dispatchEvent(new PopStateEvent('popstate'));
    }, `/flows/${made.id}/edit`);
    await card(first).waitFor();
    const opened = await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => done(performance.now() - window.begun))));

    // Frames while the wheel pans, down and up again.
    const { x, y, width, height } = await page.locator('.canvas').boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.evaluate(() => {
      window.frames = [];
      window.panning = true;
      let last = performance.now();
      const next = (now) => {
        window.frames.push(now - last);
        last = now;
        if (window.panning) requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
    });
    for (let turn = 0; turn < 60; turn += 1) await page.mouse.wheel(0, turn < 30 ? 180 : -180);
    const frames = await page.evaluate(() => {
      window.panning = false;
      return window.frames.slice(1);
    });

    await openCard(edited);
    const field = box('Inputs');
    await field.click();
    await page.keyboard.press('End');
    await page.evaluate(() => {
      window.events = [];
      window.tasks = [];
      new PerformanceObserver((list) => window.events.push(...list.getEntries().filter((entry) => /^(keydown|beforeinput|input|keypress)$/.test(entry.name)).map((entry) => entry.duration))).observe({ type: 'event', durationThreshold: 16 });
      new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    });
    const keyed = [];
    for (let index = 0; index < 30; index += 1) {
      keyed.push(await page.evaluate(async () => {
        const begun = performance.now();
        document.execCommand('insertText', false, 'x');
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
        return performance.now() - begun;
      }));
    }
    await page.keyboard.type('typed by real keys', { delay: 25 });
    await page.waitForTimeout(600);
    const { events, tasks } = await page.evaluate(() => ({ events: window.events, tasks: window.tasks }));
    // A change of the picture: a card goes and comes back.
    await card(edited).focus();
    const edit = await page.evaluate(async () => {
      const begun = performance.now();
      document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Delete', bubbles: true, cancelable: true }));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
      return performance.now() - begun;
    });
    await card(edited).waitFor({ state: 'detached' });
    await button('Undo').click();
    const figures = { open: opened, frame: median(frames), slowest: Math.max(...frames), key: median(keyed), paint: events.length ? Math.max(...events) : 16, task: tasks.length ? Math.max(...tasks) : 0, edit };
    console.log(`  ${what}: opened in ${round(figures.open)} ms; panning: a frame every ${round(figures.frame)} ms (median of ${frames.length}, slowest ${round(figures.slowest)}); a character is painted after ${round(figures.key)} ms (median; slowest event ${round(figures.paint)}, longest task ${round(figures.task)}); a card deleted in ${round(figures.edit)} ms`);
    for (const [name, bound] of Object.entries(BOUNDS)) if (figures[name] > bound) throw new Error(`${what}: ${name} took ${figures[name]} ms, more than ${bound} ms`);
  };

  await step(1, `${ACTIONS} actions one after the other`, () => measure('Long', long(), 'Step_0', 'Step_1'));
  await step(2, 'the last of them, which can use what all others gave', async () => {
    await person.goto(page.url());
    await card('$trigger').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('searchbox', { name: 'Search triggers and actions' }).fill('Step 599');
    await page.getByRole('region', { name: 'In this flow' }).getByRole('button').first().click();
    const begun = Date.now();
    await button('Insert dynamic content: Inputs').click();
    await page.getByRole('group', { name: 'Insert dynamic content', exact: true }).getByText('Step 598', { exact: true }).waitFor();
    console.log(`  dynamic content of the last card after ${Date.now() - begun} ms`);
  });
  await step(3, `${ACTIONS} actions in scopes and conditions`, () => measure('Wide', wide(), 'Scope_0', 'Yes_0_0'));
});
