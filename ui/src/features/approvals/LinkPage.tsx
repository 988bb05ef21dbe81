/** Where the link of a mail leads: whoever has it answers once, without signing in. Looking sends nothing. */
import { MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api, Problem } from '../../api/client';
import { useText } from '../../shared/language';
import { Loaded, usePageTitle } from '../../shared/page';
import { Answer, People, Question } from './Question';
import { approvalsText } from './text';

export function LinkPage() {
  const t = useText(approvalsText);
  const { link = '' } = useParams({ strict: false });
  const search = useSearch({ strict: false }) as { response?: string };
  const client = useQueryClient();
  const [sent, setSent] = useState<string | null>(null);
  const query = useQuery({ queryKey: ['approval-link', link], queryFn: ({ signal }) => api.get('/api/approval-links/{link}', { path: { link }, signal }), retry: (count, error) => !(error instanceof Problem && error.status === 404) && count < 2 });
  usePageTitle(query.data?.title ?? t.title);
  const wrong = query.error instanceof Problem && query.error.status === 404;
  const answer = async (response: string, comments: string) => {
    client.setQueryData(['approval-link', link], await api.post('/api/approval-links/{link}/response', { path: { link }, body: { response, comments } }));
    setSent(response);
  };
  return (
    <main className="auth-page">
      <div className="auth-card wide">
        {wrong ? (
          <>
            <h1>{t.linkWrong}</h1>
            <p className="quiet">{t.linkWrongText}</p>
          </>
        ) : (
          <Loaded query={query}>
            {(approval) => (
              <>
                <h1>{approval.title}</h1>
                {sent !== null && <MessageBar intent="success"><MessageBarBody>{t.answered(sent)}</MessageBarBody></MessageBar>}
                <Question approval={approval} />
                {approval.is_awaited && <Answer approval={approval} chosen={search.response} onAnswer={answer} />}
                <People approval={approval} />
              </>
            )}
          </Loaded>
        )}
        <p className="quiet small">{t.signature}</p>
      </div>
    </main>
  );
}
