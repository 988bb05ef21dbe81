// The service worker: shows push messages, opens what they are about, keeps shell and inbox for times without a network.
const SHELL = 'hookmill-shell-1';
const INBOX = 'hookmill-inbox-1';
// What was read while the server could not be reached, by identifier; told to it later.
const READ = 'hookmill-read-1';
const FIRST_PAGE = '/api/notifications?limit=50';

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(SHELL)
      .then((cache) => cache.addAll(['/', '/manifest.webmanifest', '/icons/hookmill.svg', '/icons/hookmill-192.png']))
      .catch(() => undefined)
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => ![SHELL, INBOX, READ].includes(name)).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// Pages: network first, so that a new version is seen at once. Hashed assets never change: cache first.
// Of the API only the inbox is kept; everything else needs the server anyway.
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate') {
    event.respondWith(
      fetch(request)
        .then((answer) => {
          if (answer.ok) {
            const copy = answer.clone();
            event.waitUntil(caches.open(SHELL).then((cache) => cache.put('/', copy)));
          }
          return answer;
        })
        .catch(() => caches.match('/').then((kept) => kept ?? Response.error())),
    );
  } else if (url.pathname.startsWith('/assets/')) {
    event.respondWith(
      caches.match(request).then(
        (kept) =>
          kept ??
          fetch(request).then((answer) => {
            if (answer.ok) {
              const copy = answer.clone();
              event.waitUntil(caches.open(SHELL).then((cache) => cache.put(request, copy)));
            }
            return answer;
          }),
      ),
    );
  } else if (url.pathname === '/api/notifications' || url.pathname === '/api/session') {
    event.respondWith(
      fetch(request)
        .then((answer) => {
          if (answer.ok) {
            const copy = answer.clone();
            event.waitUntil(caches.open(INBOX).then((cache) => cache.put(request, copy)));
          }
          return answer;
        })
        .catch(() => caches.match(request).then((kept) => kept ?? Response.error())),
    );
  }
});

// The page tells when somebody is signed in: from then on who it is and the inbox are kept, also before the inbox was opened.
async function remember() {
  const cache = await caches.open(INBOX);
  for (const path of ['/api/session', FIRST_PAGE]) {
    const answer = await fetch(path).catch(() => null);
    if (answer && answer.ok) await cache.put(path, answer);
  }
}

// Tells the server what was read meanwhile. What it cannot be told now stays for the next time.
async function tellRead() {
  const waiting = await caches.open(READ);
  const ids = (await waiting.keys()).map((request) => new URL(request.url).searchParams.get('id'));
  if (ids.length === 0) return;
  const session = await fetch('/api/session').then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  if (!session || !session.csrf_token) return;
  for (const id of ids) {
    const answer = await fetch(`/api/notifications/${encodeURIComponent(id)}/read`, { method: 'POST', headers: { 'X-CSRF-Token': session.csrf_token } }).catch(() => null);
    // One that was deleted meanwhile needs no telling.
    if (answer && (answer.ok || answer.status === 404)) await waiting.delete(readKey(id));
  }
  for (const page of await self.clients.matchAll({ type: 'window' })) page.postMessage({ type: 'notification' });
}

const readKey = (id) => new URL(`/read?id=${encodeURIComponent(id)}`, self.location.origin).href;

// Marks a message as read: on this device at once, at the server as soon as it can be reached.
async function markRead(id) {
  await caches.open(READ).then((cache) => cache.put(readKey(id), new Response('')));
  const inbox = await caches.open(INBOX);
  const kept = await inbox.match(FIRST_PAGE);
  if (kept) {
    const page = await kept.json();
    const item = page.items.find((one) => one.id === id);
    if (item && !item.read_at) {
      item.read_at = new Date().toISOString();
      page.unread = Math.max(0, page.unread - 1);
      await inbox.put(FIRST_PAGE, new Response(JSON.stringify(page), { headers: { 'Content-Type': 'application/json' } }));
      await badge(page.unread);
    }
  }
  await tellRead();
  const left = await caches.open(READ).then((cache) => cache.keys());
  if (left.length && self.registration.sync) await self.registration.sync.register('read').catch(() => undefined);
}

async function badge(count) {
  if (!self.navigator.setAppBadge) return;
  await (count > 0 ? self.navigator.setAppBadge(count) : self.navigator.clearAppBadge()).catch(() => undefined);
}

self.addEventListener('sync', (event) => {
  if (event.tag === 'read') event.waitUntil(tellRead());
});

// Pages tell who is signed in, what was read without a network, and when somebody signs out: then nothing of the
// account may stay on the device.
self.addEventListener('message', (event) => {
  const message = event.data || {};
  if (message.type === 'remember') event.waitUntil(tellRead().then(remember));
  if (message.type === 'read' && message.id) event.waitUntil(markRead(message.id));
  if (message.type === 'forget') event.waitUntil(Promise.all([caches.delete(INBOX), caches.delete(READ)]));
});

function read(event) {
  try {
    return event.data ? event.data.json() : {};
  } catch {
    return { text: event.data ? event.data.text() : '' };
  }
}

self.addEventListener('push', (event) => {
  const message = read(event);
  const title = message.title || 'Hookmill';
  const body = message.text || message.body || '';
  const link = message.link && (message.link.uri || message.link.url || message.link);
  const target = typeof link === 'string' && link ? link : message.url || runPath(message);
  const approval = message.approval && Array.isArray(message.approval.options) ? message.approval : null;
  event.waitUntil(
    (async () => {
      await self.registration.showNotification(title, {
        body,
        tag: message.id || undefined,
        timestamp: message.created_at ? Date.parse(message.created_at) : Date.now(),
        icon: '/icons/hookmill-192.png',
        badge: '/icons/hookmill-192.png',
        // An approval can be answered here, where the system shows buttons.
        actions: approval ? approval.options.map((option, index) => ({ action: `answer-${index}`, title: option })) : [],
        requireInteraction: Boolean(approval),
        data: { target, id: message.id, approval },
      });
      if (typeof message.unread === 'number') await badge(message.unread);
      // The inbox must have it too when it is opened without a network.
      await tellRead().then(remember).catch(() => undefined);
      const pages = await self.clients.matchAll({ type: 'window' });
      for (const page of pages) page.postMessage({ type: 'notification', id: message.id });
    })(),
  );
});

function runPath(message) {
  const run = message.run && (message.run.id || message.run);
  const flow = message.flow && (message.flow.id || message.flow);
  return run && flow ? `/flows/${flow}/runs/${run}` : '/notifications';
}

// Only web addresses are opened: a message is text from a flow and may carry anything.
function safeTarget(target) {
  try {
    const url = new URL(target, self.location.origin);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : '/notifications';
  } catch {
    return '/notifications';
  }
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const { target: wanted, id, approval } = event.notification.data || {};
  const answer = /^answer-(\d+)$/.exec(event.action || '');
  const option = answer && approval && approval.options[Number(answer[1])];
  if (option !== null && option !== undefined) {
    event.waitUntil(answerApproval(approval.link, option, event.notification.title, wanted, id));
    return;
  }
  const target = safeTarget(wanted || '/notifications');
  event.waitUntil(
    (async () => {
      // Opening comes first: the tap allows it for a moment only.
      const read = id ? markRead(id).catch(() => undefined) : undefined;
      await open(target);
      await read;
    })(),
  );
});

// Sends the answer with the link of this person, so that it works also when nobody is signed in any more. What came of
// it is shown in the place of the question.
async function answerApproval(link, option, title, target, id) {
  const answer = await fetch(`/api/approval-links/${encodeURIComponent(link)}/response`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ response: option }),
  }).catch(() => null);
  const problem = answer && !answer.ok ? await answer.json().catch(() => null) : null;
  const icons = { icon: '/icons/hookmill-192.png', badge: '/icons/hookmill-192.png' };
  const tag = id ? `${id}-answer` : undefined;
  if (answer && answer.ok) {
    await self.registration.showNotification(title, { ...icons, tag, body: `✓ ${option}`, data: { target } });
    if (id) await markRead(id).catch(() => undefined);
  } else {
    await self.registration.showNotification(title, { ...icons, tag, body: `✗ ${(problem && problem.detail) || 'Hookmill'}`, data: { target } });
  }
  for (const page of await self.clients.matchAll({ type: 'window' })) page.postMessage({ type: 'notification', id });
}

async function open(target) {
  const url = new URL(target, self.location.origin);
  if (url.origin === self.location.origin) {
    const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
    for (const page of pages) {
      if ('navigate' in page && 'focus' in page) {
        await page.focus().catch(() => undefined);
        const moved = await page.navigate(url.href).catch(() => null);
        if (moved) return;
      }
    }
  }
  // Where no window may be opened (the tap was too long ago), the message is read nevertheless.
  await self.clients.openWindow(url.href).catch(() => undefined);
}
