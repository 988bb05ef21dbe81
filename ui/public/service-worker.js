// The service worker: shows push messages, opens what they are about, keeps shell and inbox for times without a network.
const SHELL = 'hookmill-shell-1';
const INBOX = 'hookmill-inbox-1';

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
      .then((names) => Promise.all(names.filter((name) => name !== SHELL && name !== INBOX).map((name) => caches.delete(name))))
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
  for (const path of ['/api/session', '/api/notifications?limit=50']) {
    const answer = await fetch(path).catch(() => null);
    if (answer && answer.ok) await cache.put(path, answer);
  }
}

self.addEventListener('message', (event) => {
  if (event.data && event.data.type === 'remember') event.waitUntil(remember());
});

// After sign-out nothing of the account may stay on the device.
self.addEventListener('message', (event) => {
  if (event.data && event.data.type === 'forget') event.waitUntil(caches.delete(INBOX));
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
  event.waitUntil(
    (async () => {
      await self.registration.showNotification(title, {
        body,
        tag: message.id || undefined,
        timestamp: message.created_at ? Date.parse(message.created_at) : Date.now(),
        icon: '/icons/hookmill-192.png',
        badge: '/icons/hookmill-192.png',
        data: { target, id: message.id },
      });
      if (typeof message.unread === 'number' && self.navigator.setAppBadge) {
        await self.navigator.setAppBadge(message.unread).catch(() => undefined);
      }
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
  const target = safeTarget((event.notification.data && event.notification.data.target) || '/notifications');
  event.waitUntil(
    (async () => {
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
      await self.clients.openWindow(url.href);
    })(),
  );
});
