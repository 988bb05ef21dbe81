// What tests do in the designer: finding cards and fields, adding steps, inserting tokens, reading the code of a step.
import { until } from './harness.mjs';

export function designing(person, call) {
  const { page } = person;
  const button = (name, exact = true) => page.getByRole('button', { name, exact });
  const box = (name, exact = true) => page.getByRole('textbox', { name, exact });
  const card = (name) => page.locator(`[data-card="${name}"]`);
  const see = (locator) => locator.first().waitFor({ state: 'visible' });
  const panel = () => page.getByRole('complementary');
  const search = page.getByRole('searchbox', { name: 'Search triggers and actions' });
  const choose = (name) => page.getByRole('menuitem', { name, exact: true }).click();
  const picker = () => page.getByRole('group', { name: 'Insert dynamic content', exact: true });
  const pick = async (text, name) => {
    await search.fill(text);
    await panel().getByRole('button', { name }).first().click();
  };
  const tab = (name) => page.getByRole('tab', { name, exact: true }).click();
  const self = {
    page, button, box, card, see, panel, search, choose, picker, pick, tab,
    /** Opens a card wherever it is; the canvas follows the focus. */
    async openCard(name) {
      await card(name).focus();
      await page.keyboard.press('Enter');
    },
    /** The + on the line to a card, or "New step" at the end of what holds `inside`. */
    plusBefore: (name) => button(`Insert a step before: ${name}`).click(),
    /** Adds an action at the end of the flow, or of the place whose "New step" is the `at`th. */
    async add(text, name, at = -1) {
      await page.getByRole('button', { name: 'New step', exact: true }).nth(at).click();
      await choose('Add an action');
      await pick(text, name);
    },
    /** Inserts a token into a field; `group` where several have the name. */
    async token(field, name, group) {
      await field.click();
      const inside = group ? picker().getByRole('region', { name: group, exact: true }) : picker();
      await inside.getByRole('button', { name, exact: true }).click();
    },
    definition: async (id) => (await call('GET', `/api/flows/${id}`)).definition,
    /** The code of the card that is open. */
    async code() {
      await tab('Code view');
      const text = await panel().locator('.cm-content').innerText();
      await tab('Parameters');
      return text;
    },
    /** Creates or saves the flow and gives its identifier. */
    async create() {
      await button('Create flow').click();
      await page.waitForURL(/flows\/flw_\w+$/);
      return /flows\/(flw_\w+)/.exec(page.url())?.[1];
    },
    /** The run of a flow, once it has ended. */
    async ran(flow, body) {
      const { run } = await call('POST', `/api/flows/${flow}/run`, { body });
      return until('the run to end', async () => {
        const seen = await call('GET', `/api/runs/${run}`);
        return seen.ended_at ? seen : null;
      });
    },
  };
  return self;
}
