/** Approvals: what flows ask you, and what your flows ask others. */
import { Switch, Tab, TabList, Button } from '@fluentui/react-components';
import { CheckmarkCircleRegular } from '@fluentui/react-icons';
import { Link } from '@tanstack/react-router';
import type { Approval } from '../../api/types';
import { Ago } from '../../shared/bits';
import { useText } from '../../shared/language';
import { MorePages, moveBetweenRows, useFilters, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { Stage } from './Question';
import { approvalsText } from './text';

function Row({ approval }: { approval: Approval }) {
  const t = useText(approvalsText);
  const mine = approval.people.find((person) => person.is_me)?.answer;
  return (
    <li className={approval.is_awaited ? 'unread' : ''}>
      <div className="body">
        <div className="row">
          <Link to="/approvals/$approval" params={{ approval: approval.id }} data-row><strong>{approval.title}</strong></Link>
          <Stage approval={approval} />
          <span className="quiet small"><Ago time={approval.created_at} /></span>
        </div>
        <div className="quiet small">{t.asks(approval.requestor, approval.flow_name)}</div>
        {mine && <div className="small">{t.youAnswered(mine.response)}</div>}
      </div>
    </li>
  );
}

export function ApprovalsPage() {
  const t = useText(approvalsText);
  const [search, filter] = useFilters<'side' | 'open'>();
  const side = search.side === 'sent' ? 'sent' : 'received';
  const open = search.open === 'true';
  const list = usePages(['approvals', 'list'], '/api/approvals', { side, ...(open ? { open } : {}) });
  return (
    <Page title={t.title} narrow actions={<Switch label={t.onlyOpen} checked={open} onChange={(_, data) => filter({ open: data.checked ? 'true' : undefined })} />}>
      <TabList className="tabs" selectedValue={side} onTabSelect={(_, data) => filter({ side: data.value === 'sent' ? 'sent' : undefined })}>
        <Tab value="received">{t.received}</Tab>
        <Tab value="sent">{t.sent}</Tab>
      </TabList>
      <Loaded query={list}>
        {(items) =>
          items.length === 0 ? (
            open ? (
              <Empty title={t.nothingOpen} actions={<Button onClick={() => filter({ open: undefined })}>{t.showAll}</Button>} />
            ) : (
              <Empty title={side === 'sent' ? t.emptySent : t.emptyReceived} icon={<CheckmarkCircleRegular />}>{side === 'sent' ? t.emptySentText : t.emptyReceivedText}</Empty>
            )
          ) : (
            <div onKeyDown={moveBetweenRows}>
              <ul className="inbox" aria-label={side === 'sent' ? t.sent : t.received}>{items.map((item) => <Row key={item.id} approval={item} />)}</ul>
              <MorePages query={list} />
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
