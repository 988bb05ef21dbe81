// Pictures of every page at three widths, light and dark, for the eye: `npm run screens [NAME…]` writes them to artifacts/screens.
// `--readme` renews the four of the README.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openWorld } from './harness.mjs';
import { pagesOf, settled } from './pages.mjs';
import { fill, signedIn, startService } from './sample.mjs';
import { ROOT } from './server.mjs';

const WIDTHS = [1440, 1024, 390];
const SHOWN = [
  { name: 'designer', page: 'designer-step', width: 1280, height: 800, look: 'light' },
  { name: 'run', page: 'run-failed', width: 1280, height: 800, look: 'light' },
  { name: 'expression', page: 'designer-expression', width: 1280, height: 800, look: 'dark' },
  { name: 'phone', page: 'notifications', width: 390, height: 800, look: 'light' },
];

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const isReadme = process.argv.includes('--readme');
const folder = isReadme ? join(ROOT, 'docs', 'images') : join(ROOT, 'artifacts', 'screens');
mkdirSync(folder, { recursive: true });
const world = await openWorld('screens-run');
try {
  const service = await startService();
  const session = await signedIn(world.server);
  const pages = pagesOf(await fill(session, service));
  const picture = async (shown, { width, height = width < 500 ? 844 : 900, look }, file, language = 'en-GB') => {
    const context = await world.browser.newContext({ viewport: { width, height }, colorScheme: look, locale: language, reducedMotion: 'reduce' });
    try {
      if (!shown.stranger) await context.addCookies([session.cookie]);
      const page = await context.newPage();
      await page.goto(new URL(shown.path, world.server.url).href);
      await settled(page);
      await shown.before?.(page);
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(folder, file), animations: 'disabled' });
    } catch (error) {
      console.log(`${file}: ${error.message.split('\n')[0]}`);
    } finally {
      await context.close();
    }
  };
  if (isReadme) {
    for (const one of SHOWN) {
      const shown = pages.find((candidate) => candidate.name === one.page);
      await picture(shown, one, `${one.name}.png`);
      console.log(`docs/images/${one.name}.png`);
    }
  } else {
    for (const shown of pages.filter((page) => wanted.length === 0 || wanted.includes(page.name))) {
      for (const width of WIDTHS) for (const look of ['light', 'dark']) await picture(shown, { width, look }, `${shown.name}-${width}-${look}.png`);
      console.log(shown.name);
    }
  }
} finally {
  await world.close();
}
process.exit(0);
