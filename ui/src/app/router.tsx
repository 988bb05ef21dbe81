/** Addresses of the pages. Every page but the frame is loaded when it is first opened. */
import { Button } from '@fluentui/react-components';
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, Outlet, redirect, type ErrorComponentProps } from '@tanstack/react-router';
import { useText } from '../shared/language';
import { Empty, Loading, Page } from '../shared/page';
import { ProblemBar } from '../shared/ProblemBar';
import { sharedText } from '../shared/text';
import { SignedIn } from './Shell';
import { shellText } from './text';

function NotFound() {
  const t = useText(sharedText);
  return (
    <Page title={t.notFoundTitle} narrow>
      <Empty title={t.notFoundTitle} actions={<Link to="/">{t.toHome}</Link>}>{t.notFoundText}</Empty>
    </Page>
  );
}

function Crashed({ error }: ErrorComponentProps) {
  const t = useText(shellText);
  return (
    <Page title={t.crashed} narrow>
      <ProblemBar error={error} />
      <Button onClick={() => window.location.reload()}>{t.reload}</Button>
    </Page>
  );
}

const words = (search: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== '').map(([name, value]) => [name, String(value)]));

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: Crashed });
const setup = createRoute({ getParentRoute: () => root, path: '/setup', validateSearch: words, component: lazyRouteComponent(() => import('../features/session/SetupPage'), 'SetupPage') });
const signIn = createRoute({ getParentRoute: () => root, path: '/sign-in', validateSearch: words, component: lazyRouteComponent(() => import('../features/session/SignInPage'), 'SignInPage') });
const approveByLink = createRoute({ getParentRoute: () => root, path: '/approve/$link', validateSearch: words, component: lazyRouteComponent(() => import('../features/approvals/LinkPage'), 'LinkPage') });
const signedIn = createRoute({ getParentRoute: () => root, id: 'signed-in', component: SignedIn });

const home = createRoute({ getParentRoute: () => signedIn, path: '/', validateSearch: words, component: lazyRouteComponent(() => import('../features/home/HomePage'), 'HomePage') });
const firstFlow = createRoute({ getParentRoute: () => signedIn, path: '/first-flow/$way', validateSearch: words, component: lazyRouteComponent(() => import('../features/home/FirstFlowPage'), 'FirstFlowPage') });
const flows = createRoute({ getParentRoute: () => signedIn, path: '/flows', validateSearch: words, component: lazyRouteComponent(() => import('../features/flows/FlowsPage'), 'FlowsPage') });
const flowNew = createRoute({ getParentRoute: () => signedIn, path: '/flows/new', validateSearch: words, component: lazyRouteComponent(() => import('../features/designer/DesignerPage'), 'NewFlowPage') });
const flowImport = createRoute({ getParentRoute: () => signedIn, path: '/flows/import', component: lazyRouteComponent(() => import('../features/imports/ImportPage'), 'ImportPage') });
const templates = createRoute({ getParentRoute: () => signedIn, path: '/templates', validateSearch: words, component: lazyRouteComponent(() => import('../features/templates/TemplatesPage'), 'TemplatesPage') });
const flow = createRoute({ getParentRoute: () => signedIn, path: '/flows/$flow', validateSearch: words, component: lazyRouteComponent(() => import('../features/flows/FlowPage'), 'FlowPage') });
const flowEdit = createRoute({ getParentRoute: () => signedIn, path: '/flows/$flow/edit', validateSearch: words, component: lazyRouteComponent(() => import('../features/designer/DesignerPage'), 'EditFlowPage') });
const runs = createRoute({ getParentRoute: () => signedIn, path: '/flows/$flow/runs', validateSearch: words, component: lazyRouteComponent(() => import('../features/runs/RunsPage'), 'RunsPage') });
const run = createRoute({ getParentRoute: () => signedIn, path: '/flows/$flow/runs/$run', validateSearch: words, component: lazyRouteComponent(() => import('../features/runs/RunPage'), 'RunPage') });
const connectors = createRoute({ getParentRoute: () => signedIn, path: '/connectors', validateSearch: words, component: lazyRouteComponent(() => import('../features/connectors/ConnectorsPage'), 'ConnectorsPage') });
const connector = createRoute({
  getParentRoute: () => signedIn,
  path: '/connectors/$connector',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/connectors/$connector/$part', params: { connector: params.connector, part: 'general' } });
  },
});
const connectorPart = createRoute({ getParentRoute: () => signedIn, path: '/connectors/$connector/$part', validateSearch: words, component: lazyRouteComponent(() => import('../features/connectors/WizardPage'), 'WizardPage') });
const connections = createRoute({ getParentRoute: () => signedIn, path: '/connections', validateSearch: words, component: lazyRouteComponent(() => import('../features/connections/ConnectionsPage'), 'ConnectionsPage') });
const connection = createRoute({ getParentRoute: () => signedIn, path: '/connections/$connection', component: lazyRouteComponent(() => import('../features/connections/ConnectionPage'), 'ConnectionPage') });
const signedInAtService = createRoute({ getParentRoute: () => signedIn, path: '/oauth/callback', validateSearch: words, component: lazyRouteComponent(() => import('../features/connections/SignedInPage'), 'SignedInPage') });
const notifications = createRoute({ getParentRoute: () => signedIn, path: '/notifications', validateSearch: words, component: lazyRouteComponent(() => import('../features/notifications/InboxPage'), 'InboxPage') });
const approvals = createRoute({ getParentRoute: () => signedIn, path: '/approvals', validateSearch: words, component: lazyRouteComponent(() => import('../features/approvals/ApprovalsPage'), 'ApprovalsPage') });
const approval = createRoute({ getParentRoute: () => signedIn, path: '/approvals/$approval', component: lazyRouteComponent(() => import('../features/approvals/ApprovalPage'), 'ApprovalPage') });
const leftBehind = createRoute({ getParentRoute: () => signedIn, path: '/left-behind', component: lazyRouteComponent(() => import('../features/flows/LeftBehindPage'), 'LeftBehindPage') });
const settings = createRoute({
  getParentRoute: () => signedIn,
  path: '/settings',
  beforeLoad: () => {
    throw redirect({ to: '/settings/$part', params: { part: 'account' } });
  },
});
const settingsPart = createRoute({ getParentRoute: () => signedIn, path: '/settings/$part', validateSearch: words, component: lazyRouteComponent(() => import('../features/settings/SettingsPage'), 'SettingsPage') });

const tree = root.addChildren([
  setup,
  signIn,
  approveByLink,
  signedIn.addChildren([home, firstFlow, flows, flowNew, flowImport, templates, flow, flowEdit, runs, run, connectors, connector, connectorPart, connections, connection, signedInAtService, leftBehind, approvals, approval, notifications, settings, settingsPart]),
]);

export const makeRouter = () =>
  createRouter({
    routeTree: tree,
    defaultPreload: 'intent',
    defaultErrorComponent: Crashed,
    defaultPendingComponent: () => <div className="page"><Loading /></div>,
    scrollRestoration: true,
    // Search values are plain text in the address bar, never JSON.
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (search) => {
      const text = new URLSearchParams(words(search)).toString();
      return text ? `?${text}` : '';
    },
  });

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
