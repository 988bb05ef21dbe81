/** Settings: one tab per part, each with an address of its own. */
import { Tab, TabList } from '@fluentui/react-components';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { Devices } from '../../shared/Devices';
import { useText } from '../../shared/language';
import { Page } from '../../shared/page';
import { Account } from './Account';
import { Server } from './Server';
import { Digest } from './Digest';
import { Sessions } from './Sessions';
import { settingsText } from './text';
import { Tokens } from './Tokens';
import { Users } from './Users';

function AccountPart() {
  return <><Account /><Digest /><Sessions /></>;
}

const PARTS = { account: AccountPart, tokens: Tokens, users: Users, devices: Devices, server: Server } as const;

export function SettingsPage() {
  const t = useText(settingsText);
  const { part } = useParams({ strict: false }) as { part: string };
  const navigate = useNavigate();
  const chosen = part in PARTS ? (part as keyof typeof PARTS) : 'account';
  const Part = PARTS[chosen];
  return (
    <Page title={`${t.parts[chosen]} · ${t.title}`} heading={t.title} narrow>
      <TabList className="tabs" selectedValue={chosen} onTabSelect={(_, data) => void navigate({ to: '/settings/$part', params: { part: String(data.value) } })}>
        {Object.keys(PARTS).map((key) => (
          <Tab key={key} value={key}>{t.parts[key]}</Tab>
        ))}
      </TabList>
      <Part />
      <nav className="row small" aria-label={t.links}>
        <Link to="/connectors">{t.connectors}</Link>
        <Link to="/connections">{t.connections}</Link>
      </nav>
    </Page>
  );
}
