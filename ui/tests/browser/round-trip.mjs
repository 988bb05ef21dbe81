// Sixty definitions of every kind: each is opened in the designer, changed by one word and saved. None has an error that
// is not there, and nothing else of the saved definition changes.
import { runScript, same, until } from './harness.mjs';
import { DEFINITIONS, NOTE_BEFORE, withNote } from './definitions.mjs';
import { signedIn } from './sample.mjs';

await runScript('round-trip', async (world, step) => {
  const { call, cookie } = await signedIn(world.server);
  const ada = await world.person('ada');
  const { page } = ada;
  await ada.context.addCookies([cookie]);
  const names = Object.keys(DEFINITIONS);
  const open = page.getByRole('textbox', { name: 'Inputs' });

  await step(1, `${names.length} definitions are opened, changed by one word and saved as they were`, async () => {
    let number = 0;
    for (const name of names) {
      const definition = DEFINITIONS[name];
      const flow = await call('POST', '/api/flows', { name, definition, connections: {}, state: 'draft' });
      same(`${name}: errors of the server`, (flow.diagnostics ?? []).filter((one) => one.severity === 'error'), []);
      await page.goto(`${world.server.url}/flows/${flow.id}/edit`);
      const card = page.locator('[data-card="Note"]');
      await card.waitFor();
      // A click that falls into the first fitting of the canvas may miss its card, as it would for a person.
      await until(`${name}: the step to be open`, async () => {
        if (!(await open.isVisible())) await card.click();
        await page.waitForTimeout(250);
        return open.isVisible();
      });
      same(`${name}: the word`, await open.innerText().then((text) => text.trim()), NOTE_BEFORE);
      await open.click();
      await page.keyboard.press('End');
      await page.keyboard.type(' more');
      await page.getByRole('button', { name: 'Save as draft', exact: true }).click();
      const saved = await until(`${name}: to be saved`, async () => {
        const now = await call('GET', `/api/flows/${flow.id}`);
        return now.version > flow.version ? now : null;
      });
      same(name, saved.definition, withNote(definition, `${NOTE_BEFORE} more`));
      number += 1;
    }
    same('how many', number, names.length);
  });
});
