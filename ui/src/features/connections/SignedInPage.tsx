/**
 * The address that services send people back to. It hands what came over to the server with the person's own session,
 * says how it ended, and closes itself where it was opened for this.
 */
import { Button, MessageBar, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api, Problem } from '../../api/client';
import type { ConsentForm } from '../../api/types';
import { connectionText } from '../../shared/connection-text';
import { useText } from '../../shared/language';
import { Empty, Loading, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { takeLeft } from '../../shared/sign-in';

/** What the service sent; only the members that the server knows. */
function answerOf(search: Record<string, string>): ConsentForm | null {
  if (!search.state) return null;
  const { state, code, error, error_description } = search;
  return { state, ...(code ? { code } : {}), ...(error ? { error } : {}), ...(error_description ? { error_description } : {}) };
}

export function SignedInPage() {
  const t = useText(connectionText);
  const search = useSearch({ strict: false }) as Record<string, string>;
  const navigate = useNavigate();
  const client = useQueryClient();
  const [answer] = useState(() => answerOf(search));
  const [left] = useState(takeLeft);
  // The code must not stay in the address, nor in the history.
  useEffect(() => void navigate({ to: '/oauth/callback', search: {}, replace: true }), [navigate]);
  // A state works once, so it is sent once, however often the page is drawn.
  const finished = useQuery({
    queryKey: ['signed-in', answer?.state],
    queryFn: answer ? () => api.post('/api/connections/signed-in', { body: answer }) : skipToken,
    retry: false,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const connection = finished.data;
  useEffect(() => {
    if (!connection) return;
    void client.invalidateQueries({ queryKey: ['connections'] });
    void client.invalidateQueries({ queryKey: ['attention'] });
    if (left) void navigate({ href: left, replace: true });
    // Does nothing in a tab that the person opened.
    else window.close();
  }, [connection, client, left, navigate]);
  const id = connection?.id ?? answer?.state.split('.')[0];
  const toConnection = id ? <Button appearance="primary" onClick={() => void navigate({ to: '/connections/$connection', params: { connection: id } })}>{t.toConnection}</Button> : null;
  const unsent = finished.error instanceof Problem && finished.error.status === 0;
  return (
    <Page narrow title={t.signIn}>
      {!answer ? (
        <Empty title={t.nothingToFinish} actions={<Button appearance="primary" onClick={() => void navigate({ to: '/connections' })}>{t.title}</Button>}>{t.nothingToFinishText}</Empty>
      ) : connection ? (
        <>
          <MessageBar intent="success" layout="multiline" role="status">
            <MessageBarBody><MessageBarTitle>{t.signedIn(connection.name)}</MessageBarTitle> {t.closeWindow}</MessageBarBody>
          </MessageBar>
          <div className="commands">{toConnection}</div>
        </>
      ) : finished.error ? (
        <>
          <ProblemBar error={finished.error} onRetry={unsent ? () => void finished.refetch() : undefined} />
          <div className="commands">{toConnection}</div>
        </>
      ) : (
        <div role="status">
          <p>{t.finishing}</p>
          <Loading rows={2} />
        </div>
      )}
    </Page>
  );
}
