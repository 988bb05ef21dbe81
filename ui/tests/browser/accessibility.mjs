// Every page, light and dark, wide and narrow: axe-core finds nothing serious, nothing scrolls sideways.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { DESKTOP, PHONE, runScript } from './harness.mjs';
import { pagesOf, settled } from './pages.mjs';
import { fill, signedIn, startService } from './sample.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TABLET = { width: 1024, height: 768 };
const GRAVE = ['serious', 'critical'];

/** The component library marks where a group begins and ends with elements that hand the focus on at once; nobody is ever on them. */
async function findings(page) {
  // What fades in has too little contrast until it is there.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((animation) => animation.effect?.getTiming().iterations !== Infinity).map((animation) => animation.finished.catch(() => undefined))));
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run({ include: [document], exclude: [['[data-tabster-dummy]']] }, { resultTypes: ['violations'] }));
  return violations
    .filter((violation) => GRAVE.includes(violation.impact))
    .map((violation) => `${violation.id} (${violation.impact}): ${violation.help}\n${violation.nodes.slice(0, 4).map((node) => `    ${node.target.join(' ')}\n      ${node.failureSummary?.split('\n').slice(1, 3).join(' ')}`).join('\n')}`);
}

await runScript('accessibility', async (world, step) => {
  const service = await startService();
  const session = await signedIn(world.server);
  const made = await fill(session, service);
  const looks = [['light', DESKTOP], ['dark', DESKTOP], ['light', TABLET], ['light', PHONE], ['dark', PHONE]];
  for (const [index, [look, viewport]] of looks.entries()) {
    await step(index + 1, `every page, ${look}, ${viewport.width} px`, async () => {
      const person = await world.person(`${look}-${viewport.width}`, { look, viewport });
      const stranger = await world.person(`stranger-${look}-${viewport.width}`, { look, viewport });
      await person.context.addCookies([session.cookie]);
      const wrong = [];
      for (const shown of pagesOf(made)) {
        const who = shown.stranger ? stranger : person;
        await who.goto(shown.path);
        await settled(who.page);
        await shown.before?.(who.page);
        const found = await findings(who.page);
        const wide = await who.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (wide > 0) found.push(`the page is ${wide} px wider than the window`);
        if (found.length) wrong.push(`${shown.name}:\n  ${found.join('\n  ')}`);
      }
      if (wrong.length) throw new Error(wrong.join('\n'));
      return person;
    });
  }
});
