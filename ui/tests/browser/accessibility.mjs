// Every page, light and dark, wide and narrow: axe-core finds nothing serious, nothing scrolls sideways.
import { findings } from './axe.mjs';
import { DESKTOP, PHONE, runScript } from './harness.mjs';
import { pagesOf, settled } from './pages.mjs';
import { fill, signedIn, startService } from './sample.mjs';

const TABLET = { width: 1024, height: 768 };

await runScript('accessibility', async (world, step) => {
  const service = await startService();
  const session = await signedIn(world.server);
  const made = await fill(session, service);
  // Each width and each scheme once: colours do not depend on the width, and the width does not depend on the scheme.
  const looks = [['light', DESKTOP], ['dark', TABLET], ['dark', PHONE]];
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
