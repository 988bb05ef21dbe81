/** One approval: what is asked, the answer, and who answered what. Made for a phone first. */
import { MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client';
import { useText } from '../../shared/language';
import { Loaded, Page } from '../../shared/page';
import { Answer, People, Question } from './Question';
import { approvalsText } from './text';

export function ApprovalPage() {
  const t = useText(approvalsText);
  const { approval: id = '' } = useParams({ strict: false });
  const client = useQueryClient();
  const [sent, setSent] = useState<string | null>(null);
  const query = useQuery({ queryKey: ['approvals', id], queryFn: ({ signal }) => api.get('/api/approvals/{id}', { path: { id }, signal }) });
  const answer = async (response: string, comments: string) => {
    const now = await api.post('/api/approvals/{id}/response', { path: { id }, body: { response, comments } });
    client.setQueryData(['approvals', id], now);
    setSent(response);
    await client.invalidateQueries({ queryKey: ['approvals'] });
  };
  return (
    <Page title={query.data?.title ?? t.title} narrow actions={<Link to="/approvals">{t.title}</Link>}>
      <Loaded query={query}>
        {(approval) => (
          <>
            {sent !== null && <MessageBar intent="success"><MessageBarBody>{t.answered(sent)}</MessageBarBody></MessageBar>}
            <section className="panel stack">
              <Question approval={approval} />
              {approval.is_awaited && <Answer approval={approval} onAnswer={answer} />}
              {approval.flow && approval.run && <div className="row"><Link to="/flows/$flow/runs/$run" params={{ flow: approval.flow, run: approval.run }}>{t.openRun}</Link></div>}
            </section>
            <People approval={approval} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
