// What every browser test needs: server, stand-ins, Chromium; steps that are counted; and, when one fails, all there is to know.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, crc32 } from 'node:zlib';
import { chromium } from 'playwright-core';
import { ROOT, startServer } from './server.mjs';
import { startGithub, startPushService } from './stand-ins.mjs';

const CHROMIUM_FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };
// What is waited for comes within a second; on a loaded machine it may take long, and only a fault takes longer than this.
const WAIT_MS = 60_000;

export const OWNER = { name: 'Ada Lovelace', email: 'ada@example.org', password: 'a long password' };
export const GITHUB = { user: 'octocat', token: 'ghp_right' };

const chromiumPath = () => process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));

/** A file of real data beside the project, or the smaller one that the project has itself. */
export function dataFile(name) {
  const beside = join(ROOT, '..', 'shared', 'corpus', 'seed', name);
  return existsSync(beside) ? beside : join(ROOT, 'ui', 'tests', 'browser', 'data', name);
}
export const dataJson = (name) => JSON.parse(readFileSync(dataFile(name), 'utf8'));

/** A square PNG of one colour. */
export function png(size = 64, [red, green, blue] = [36, 41, 46]) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.concat(Array.from({ length: size }, () => Buffer.from([red, green, blue])))]);
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.concat(Array.from({ length: size }, () => row)))), chunk('IEND', Buffer.alloc(0))]);
}

/** Waits until `look` gives something truthy, and gives that. */
export async function until(what, look, ms = WAIT_MS) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}${last ? ` (last: ${last.message ?? JSON.stringify(last)})` : ''}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export function same(what, seen, expected) {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, saw ${a}`);
}

/**
 * The push manager of a headless browser has no push service; this one hands out a subscription of the stand-in.
 * Everything else (permission, service worker, the message's way into it) is the browser's own. Runs in the page.
 */
function pretendPushManager({ endpoint, p256dh, auth }) {
  const kept = 'test-push-subscribed';
  const subscription = {
    endpoint,
    toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh, auth } }),
    unsubscribe: async () => {
      localStorage.removeItem(kept);
      return true;
    },
  };
  PushManager.prototype.getSubscription = async () => (localStorage.getItem(kept) ? subscription : null);
  PushManager.prototype.subscribe = async (options) => {
    if (!options.userVisibleOnly || options.applicationServerKey.length !== 65) throw new DOMException('The key of the server is not valid.', 'InvalidAccessError');
    localStorage.setItem(kept, 'yes');
    return subscription;
  };
}

/** One browser of one person: its page, what the console said, its push subscription. */
class Person {
  constructor(world, name, context, page) {
    Object.assign(this, { world, name, context, page, told: [], problems: [] });
    page.on('console', (message) => {
      const line = `[${message.type()}] ${message.text()} ${message.location().url ?? ''}`;
      this.told.push(line);
      // Refusals of the server are part of the story; everything else in red is an error of a page.
      if (message.type() === 'error' && !/Failed to load resource: the server responded|net::ERR_|fonts\//.test(line)) this.problems.push(line);
    });
    page.on('pageerror', (error) => {
      this.told.push(`[uncaught] ${error.stack ?? error}`);
      this.problems.push(String(error));
    });
    page.on('requestfailed', (request) => this.told.push(`[failed] ${request.method()} ${request.url()} ${request.failure()?.errorText}`));
    page.on('response', (response) => {
      if (response.status() >= 400) this.told.push(`[${response.status()}] ${response.request().method()} ${response.url()}`);
    });
  }

  async goto(path) {
    await this.page.goto(new URL(path, this.world.server.url).href);
  }

  async screenshot(file) {
    await this.page.screenshot({ path: join(this.world.folder, `${file}.png`), timeout: 5_000 }).catch(() => undefined);
  }

  /** Sets the browser up so that what the push service gets reaches the page's service worker. */
  async connectPush() {
    const cdp = await this.context.newCDPSession(this.page);
    const registrations = new Map();
    cdp.on('ServiceWorker.workerRegistrationUpdated', (event) => {
      for (const registration of event.registrations) {
        if (registration.isDeleted) registrations.delete(registration.scopeURL);
        else registrations.set(registration.scopeURL, registration.registrationId);
      }
    });
    await cdp.send('ServiceWorker.enable');
    const origin = new URL(this.world.server.url).origin;
    this.push.deliver = async (data) => {
      const registrationId = await until('the registration of the service worker', () => registrations.get(`${origin}/`));
      await cdp.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data });
    };
  }

  /** The notifications that this browser shows. */
  notifications() {
    return this.page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      return (await registration.getNotifications()).map(({ title, body, data, tag }) => ({ title, body, data, tag }));
    });
  }

  /** Taps the newest notification whose text fits, or one of its buttons, as the system would tell the service worker. */
  async tapNotification(text, action = '') {
    const worker = await until('the service worker', () => this.context.serviceWorkers()[0]);
    await worker.evaluate(async ({ text: wanted, action: pressed }) => {
      const shown = await self.registration.getNotifications();
      const notification = shown.find((one) => one.body.includes(wanted));
      if (!notification) throw new Error(`no notification says ${wanted}`);
      self.dispatchEvent(new NotificationEvent('notificationclick', { notification, action: pressed }));
    }, { text, action });
  }
}

/** Server, stand-ins and browser of one test; `close` ends them all. */
export async function openWorld(name, { flags = [] } = {}) {
  const folder = join(ROOT, 'artifacts', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const opened = [];
  const world = {
    name,
    folder,
    people: [],
    async close() {
      for (const one of opened.reverse()) await (one.close ?? one.stop)().catch(() => undefined);
    },
    /** A browser of its own, signed in nowhere. */
    async person(who, { viewport = DESKTOP, look = 'light', phone = false } = {}) {
      const context = await world.browser.newContext({
        viewport: phone ? PHONE : viewport,
        ...(phone ? { isMobile: true, hasTouch: true, deviceScaleFactor: 2 } : {}),
        colorScheme: look,
        locale: 'en-GB',
        timezoneId: 'Europe/Berlin',
      });
      context.setDefaultTimeout(WAIT_MS);
      await context.grantPermissions(['notifications', 'clipboard-read', 'clipboard-write'], { origin: world.server.url });
      const push = world.push.subscribe();
      await context.addInitScript(pretendPushManager, { endpoint: push.endpoint, p256dh: push.keys.p256dh, auth: push.keys.authText });
      const person = new Person(world, who, context, await context.newPage());
      person.push = push;
      world.people.push(person);
      await person.connectPush();
      return person;
    },
  };
  try {
    world.server = await startServer(flags);
    opened.push(world.server);
    world.github = await startGithub(GITHUB);
    opened.push(world.github);
    world.push = await startPushService();
    opened.push(world.push);
    world.browser = await chromium.launch({ executablePath: chromiumPath(), headless: true, args: CHROMIUM_FLAGS });
    opened.push(world.browser);
  } catch (error) {
    await world.close();
    throw error;
  }
  return world;
}

/**
 * Runs a script of steps against a world of its own and ends the process with its outcome. `steps` calls
 * `step(number, what, act)` for each; the first difference ends it, with console, log and screenshot on the terminal
 * and in `artifacts/`.
 */
export async function runScript(name, steps, options = {}) {
  const begun = Date.now();
  let passed = 0;
  let failed = 0;
  const world = await openWorld(name, options);
  const stopped = () => void world.close().finally(() => process.exit(130));
  process.once('SIGINT', stopped);
  process.once('SIGTERM', stopped);
  const step = async (number, what, act) => {
    const from = Date.now();
    try {
      const shown = await act();
      const person = shown ?? world.people[0];
      await person?.screenshot(`${String(number).padStart(2, '0')}-${what.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 50)}`);
      const problems = world.people.flatMap((one) => one.problems.splice(0));
      if (problems.length) throw new Error(`a page reported errors:\n  ${problems.join('\n  ')}`);
      passed += 1;
      console.log(`ok ${number} ${what} (${Date.now() - from} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${number} ${what}\n${error.stack ?? error}`);
      await explain(world);
      throw new Failed();
    }
  };
  try {
    await steps(world, step);
  } catch (error) {
    if (!(error instanceof Failed)) {
      failed += 1;
      console.log(`not ok: outside of the steps\n${error.stack ?? error}`);
      await explain(world);
    }
  }
  await world.close();
  console.log(`${passed} passed, ${failed} failed (${name}, ${((Date.now() - begun) / 1000).toFixed(1)} s)`);
  process.exit(failed ? 1 : 0);
}

class Failed extends Error {}

/** Writes down all that helps to understand a failure. */
async function explain(world) {
  for (const person of world.people) {
    await person.screenshot(`failed-${person.name}`);
    const url = person.page.url();
    // A page may be busy for ever; that must not keep the rest from being told.
    const text = await Promise.race([person.page.evaluate(() => document.body.innerText).catch(() => ''), new Promise((done) => setTimeout(() => done('the page does not answer'), 3_000))]);
    writeFileSync(join(world.folder, `failed-${person.name}.txt`), `${url}\n\n${text}\n\n${person.told.join('\n')}\n`);
    console.log(`--- ${person.name} at ${url}\n${text.slice(0, 3_000)}\n--- console of ${person.name}\n${person.told.slice(-40).join('\n')}`);
  }
  writeFileSync(join(world.folder, 'server.log'), world.server.log());
  console.log(`--- log of the server\n${world.server.log().slice(-4_000)}`);
  console.log(`--- calls at the stand-in\n${world.github.lines().slice(-20).join('\n')}\n--- screenshots and logs are in ${world.folder}`);
}
