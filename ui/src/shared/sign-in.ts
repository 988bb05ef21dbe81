/**
 * The service's own page, where a person agrees: in a window of its own, or in this one where the browser allows no
 * other. The way back leads to `/oauth/callback`.
 */

/** Where this tab was when it left for the service. */
const LEFT = 'hookmill.sign-in.left';
/** Narrower screens get a tab: a small window would fill them anyway. */
const WIDE = '(min-width: 700px)';

/** Opens the window while the click still counts, before the address is known; null where the browser forbids it. */
export function openWindow(): Window | null {
  sessionStorage.removeItem(LEFT);
  const opened = window.open('', '_blank', window.matchMedia(WIDE).matches ? 'popup,width=640,height=780' : undefined);
  // The service must not be able to lead this page elsewhere.
  if (opened) opened.opener = null;
  return opened;
}

/** Goes to the service with this tab, and remembers where it was. */
export function leaveFor(url: string): void {
  sessionStorage.setItem(LEFT, `${window.location.pathname}${window.location.search}`);
  window.location.assign(url);
}

/** Where this tab was before it left; null for a window that was opened for the sign-in. Only a path of this server counts. */
export function takeLeft(): string | null {
  const left = sessionStorage.getItem(LEFT);
  sessionStorage.removeItem(LEFT);
  return left && /^\/(?![/\\])/.test(left) ? left : null;
}
