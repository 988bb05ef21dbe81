/** Push notifications of this browser: what is possible, asking for permission, telling the server. */
import { api } from '../api/client';
import type { Device } from '../api/types';

export type PushAbility = 'possible' | 'on' | 'denied' | 'insecure' | 'ios' | 'unsupported';

const isIos = () => /iPad|iPhone|iPod/.test(navigator.userAgent) || (navigator.platform === 'MacIntel' && navigator.maxTouchPoints > 1);
const isInstalled = () => window.matchMedia?.('(display-mode: standalone)').matches ?? false;

/** What stands in the way of notifications here, if anything. */
export async function pushAbility(): Promise<PushAbility> {
  if (!window.isSecureContext) return 'insecure';
  if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window)) {
    return isIos() && !isInstalled() ? 'ios' : 'unsupported';
  }
  if (Notification.permission === 'denied') return 'denied';
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  return subscription && Notification.permission === 'granted' ? 'on' : 'possible';
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replace(/-/g, '+').replace(/_/g, '/').padEnd(Math.ceil(base64url.length / 4) * 4, '='));
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** "Chrome on Android": enough to tell one's devices apart. */
export function deviceName(agent = navigator.userAgent): string {
  const browser = /Edg\//.test(agent) ? 'Edge' : /Firefox\//.test(agent) ? 'Firefox' : /Chrom(e|ium)\//.test(agent) ? 'Chrome' : /Safari\//.test(agent) ? 'Safari' : 'Browser';
  const system = /Android/.test(agent) ? 'Android' : /iPhone|iPad/.test(agent) ? 'iOS' : /Windows/.test(agent) ? 'Windows' : /Mac OS/.test(agent) ? 'macOS' : 'Linux';
  return `${browser} · ${system}`;
}

/** Asks for permission (call it from a tap), subscribes, and registers this device. Null when the person declined. */
export async function turnOnPush(): Promise<Device | null> {
  if ((await Notification.requestPermission()) !== 'granted') return null;
  const registration = (await navigator.serviceWorker.getRegistration()) ?? (await navigator.serviceWorker.register('/service-worker.js'));
  await navigator.serviceWorker.ready;
  const { public_key: key } = await api.get('/api/push/key');
  let subscription = await registration.pushManager.getSubscription();
  try {
    subscription ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(key) });
  } catch (error) {
    // A subscription made for another key (a server that was set up anew) blocks the new one.
    await subscription?.unsubscribe();
    throw error;
  }
  const { p256dh = '', auth = '' } = subscription.toJSON().keys ?? {};
  return api.post('/api/devices', { body: { name: deviceName(), endpoint: subscription.endpoint, keys: { p256dh, auth } } });
}
