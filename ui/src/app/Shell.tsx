/** The frame: navigation, who is signed in, look and language, offline notice, live updates. */
import {
  Avatar,
  Button,
  CounterBadge,
  Menu,
  MenuDivider,
  MenuGroup,
  MenuGroupHeader,
  MenuItem,
  MenuItemRadio,
  MenuList,
  MenuPopover,
  MenuTrigger,
} from '@fluentui/react-components';
import { AlertRegular, AppsAddInRegular, CheckmarkCircleRegular, FlowRegular, HomeRegular, PanelLeftContractRegular, PanelLeftExpandRegular, PlugConnectedRegular, SettingsRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useLocation, useNavigate, useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api } from '../api/client';
import { freshen, listen } from '../api/events';
import { sessionQuery, setupQuery, signOut } from '../api/session';
import { LANGUAGES, useLanguage, useText, type Language } from '../shared/language';
import { GoTo, Loaded, Loading } from '../shared/page';
import { sharedText } from '../shared/text';
import { useLook, type Look } from '../shared/theme';
import { shellText } from './text';

function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const change = () => setOnline(navigator.onLine);
    window.addEventListener('online', change);
    window.addEventListener('offline', change);
    return () => {
      window.removeEventListener('online', change);
      window.removeEventListener('offline', change);
    };
  }, []);
  return online;
}

function AccountMenu({ name, email }: { name: string; email: string }) {
  const t = useText(shellText);
  const { language, choose: chooseLanguage } = useLanguage();
  const { look, choose: chooseLook } = useLook();
  const client = useQueryClient();
  const navigate = useNavigate();
  return (
    <Menu checkedValues={{ look: [look], language: [language] }} onCheckedValueChange={(_, data) => {
      const value = data.checkedItems[0];
      if (data.name === 'look') chooseLook(value as Look);
      else chooseLanguage(value as Language);
    }}>
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" aria-label={`${t.account}: ${name}`} icon={<Avatar size={28} color="brand" aria-hidden />} />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <div className="who"><strong>{name}</strong><span className="quiet small">{email}</span></div>
          <MenuDivider />
          <MenuGroup>
            <MenuGroupHeader>{t.look}</MenuGroupHeader>
            <MenuItemRadio name="look" value="light">{t.light}</MenuItemRadio>
            <MenuItemRadio name="look" value="dark">{t.dark}</MenuItemRadio>
            <MenuItemRadio name="look" value="system">{t.system}</MenuItemRadio>
          </MenuGroup>
          <MenuDivider />
          <MenuGroup>
            <MenuGroupHeader>{t.language}</MenuGroupHeader>
            {Object.entries(LANGUAGES).map(([value, label]) => (
              <MenuItemRadio key={value} name="language" value={value}>{label}</MenuItemRadio>
            ))}
          </MenuGroup>
          <MenuDivider />
          <MenuItem onClick={() => void navigate({ to: '/settings/$part', params: { part: 'account' } })}>{t.account}</MenuItem>
          <MenuItem
            onClick={() =>
              void signOut().finally(() => {
                client.clear();
                void navigate({ to: '/sign-in' });
              })
            }
          >
            {t.signOut}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

/** Whoever wants room keeps it, in this browser. */
const SLIM_KEY = 'hookmill-slim-navigation';
/** Below this width the designer needs the room. */
const ROOMY_FROM = 1100;

const PLACES = [
  { to: '/', key: 'home', icon: <HomeRegular /> },
  { to: '/flows', key: 'flows', icon: <FlowRegular /> },
  { to: '/connectors', key: 'connectors', icon: <AppsAddInRegular /> },
  { to: '/connections', key: 'connections', icon: <PlugConnectedRegular /> },
  { to: '/approvals', key: 'approvals', icon: <CheckmarkCircleRegular /> },
  { to: '/notifications', key: 'notifications', icon: <AlertRegular /> },
  { to: '/settings', key: 'settings', icon: <SettingsRegular /> },
] as const;

function Frame({ name, email }: { name: string; email: string }) {
  const t = useText(shellText);
  const shared = useText(sharedText);
  const online = useOnline();
  const client = useQueryClient();
  const router = useRouter();
  const path = useLocation({ select: (location) => location.pathname });
  const inbox = useQuery({ queryKey: ['notifications', 'count'], queryFn: ({ signal }) => api.get('/api/notifications', { query: { unread: true, limit: 1 }, signal }) });
  const unread = inbox.data?.unread ?? 0;
  const asked = useQuery({ queryKey: ['approvals', 'count'], queryFn: ({ signal }) => api.get('/api/approvals', { query: { open: true, limit: 1 }, signal }) });
  const counts: { [key: string]: { count: number; words: string } } = { notifications: { count: unread, words: t.unread }, approvals: { count: asked.data?.awaited ?? 0, words: t.awaited } };
  useEffect(() => listen(client), [client]);
  useEffect(() => {
    if ('setAppBadge' in navigator) void (unread > 0 ? navigator.setAppBadge(unread) : navigator.clearAppBadge()).catch(() => undefined);
  }, [unread]);
  // The inbox must open without a network, also when it was not opened before.
  useEffect(() => {
    const remember = () => navigator.serviceWorker?.controller?.postMessage({ type: 'remember' });
    remember();
    navigator.serviceWorker?.addEventListener('controllerchange', remember);
    const idle = setTimeout(() => void router.preloadRoute({ to: '/notifications' }).catch(() => undefined), 3_000);
    return () => {
      navigator.serviceWorker?.removeEventListener('controllerchange', remember);
      clearTimeout(idle);
    };
  }, [router]);
  // A message that arrives by push also freshens the open inbox, with or without the event stream.
  useEffect(() => {
    const hear = (event: MessageEvent) => {
      if ((event.data as { type?: string } | null)?.type === 'notification') freshen(client, ['notifications']);
    };
    navigator.serviceWorker?.addEventListener('message', hear);
    return () => navigator.serviceWorker?.removeEventListener('message', hear);
  }, [client]);
  const [slim, setSlim] = useState(() => (window.localStorage.getItem(SLIM_KEY) ?? (window.innerWidth <= ROOMY_FROM ? 'yes' : 'no')) === 'yes');
  const toggleSlim = () => {
    setSlim(!slim);
    window.localStorage.setItem(SLIM_KEY, slim ? 'no' : 'yes');
  };
  return (
    <div className={slim ? 'shell slim' : 'shell'}>
      <header>
        <a className="skip" href="#main">{t.skip}</a>
        <Link to="/" className="brand">
          <img src="/icons/hookmill.svg" alt="" />
          Hookmill
        </Link>
        <span className="grow" />
        <AccountMenu name={name} email={email} />
      </header>
      <nav aria-label={t.navigation}>
        {PLACES.map((place) => {
          const { count, words } = counts[place.key] ?? { count: 0, words: '' };
          const active = place.to === '/' ? path === '/' : path.startsWith(place.to);
          return (
            <Link key={place.to} to={place.to} title={slim ? t[place.key] : undefined} className={active ? 'active' : ''} aria-current={active ? 'page' : undefined}>
              {place.icon}
              <span className="wide">{t[place.key]}</span>
              <span className="short">{t.short[place.key]}</span>
              {count > 0 && <><CounterBadge count={count} size="small" color="danger" /><span className="visually-hidden"> {words}</span></>}
            </Link>
          );
        })}
        <Button className="slim-switch" appearance="subtle" size="small" icon={slim ? <PanelLeftExpandRegular /> : <PanelLeftContractRegular />} aria-label={slim ? t.widen : t.narrow} title={slim ? t.widen : t.narrow} aria-expanded={!slim} onClick={toggleSlim} />
      </nav>
      <main id="main" tabIndex={-1}>
        {!online && <div className="offline" role="status">{shared.offline}</div>}
        <Outlet />
      </main>
    </div>
  );
}

/** Pages for people who are signed in; strangers go to the sign-in or, on a new server, to the set-up. */
export function SignedIn() {
  const session = useQuery(sessionQuery);
  const setup = useQuery({ ...setupQuery, enabled: session.data === null });
  const here = useLocation({ select: (location) => location.href });
  const client = useQueryClient();
  useEffect(() => {
    const leave = () => client.setQueryData(sessionQuery.queryKey, null);
    window.addEventListener('hookmill:signed-out', leave);
    return () => window.removeEventListener('hookmill:signed-out', leave);
  }, [client]);
  if (session.data === null) {
    if (setup.isPending) return <div className="page"><Loading /></div>;
    if (setup.data?.needed) return <GoTo href="/setup" />;
    return <GoTo href={here === '/' ? '/sign-in' : `/sign-in?${new URLSearchParams({ to: here })}`} />;
  }
  if (!session.data) return <div className="page"><Loaded query={session}>{() => null}</Loaded></div>;
  return <Frame name={session.data.user.name || session.data.user.email} email={session.data.user.email} />;
}
