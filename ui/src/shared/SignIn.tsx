/** Waits until a person has agreed at the service, in the other window; the page then goes on by itself. */
import { Button, Link, MessageBar, MessageBarBody, MessageBarTitle, Spinner } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api } from '../api/client';
import type { Connection } from '../api/types';
import { connectionText } from './connection-text';
import { useText } from './language';
import { ProblemBar } from './ProblemBar';
import { leaveFor } from './sign-in';
import { sharedText } from './text';

/** Live updates tell sooner; this is for a line that is interrupted. */
const LOOK_MS = 4_000;

/** What was asked for: where, and how the connection stood at that moment. */
export interface Asked {
  before: Connection;
  url: string;
  /** The browser allowed no other window. */
  blocked: boolean;
}

export function SignIn({ asked, onDone, onAgain, onCancel }: { asked: Asked; onDone: (connection: Connection) => void; onAgain: () => void; onCancel: () => void }) {
  const t = useText(connectionText);
  const shared = useText(sharedText);
  const { before, url, blocked } = asked;
  const held = useQuery({
    queryKey: ['connections', before.id],
    queryFn: ({ signal }) => api.get('/api/connections/{id}', { path: { id: before.id }, signal }),
    refetchInterval: LOOK_MS,
    refetchIntervalInBackground: true,
  });
  const now = held.data;
  const done = useRef(onDone);
  useEffect(() => {
    done.current = onDone;
  });
  const isDone = !!now?.signed_in_at && now.signed_in_at !== before.signed_in_at;
  useEffect(() => {
    if (isDone && now) done.current(now);
  }, [isDone, now]);
  const failed = now?.needs_sign_in && now.health_detail !== before.health_detail ? now.health_detail : null;
  return (
    <div className="stack" role="group" aria-label={t.signIn}>
      {failed ? (
        <MessageBar intent="error" layout="multiline" role="alert">
          <MessageBarBody><MessageBarTitle>{t.notSignedIn}</MessageBarTitle>{failed}</MessageBarBody>
        </MessageBar>
      ) : blocked ? (
        <MessageBar intent="warning" layout="multiline" role="alert">
          <MessageBarBody>
            <MessageBarTitle>{t.blocked}</MessageBarTitle>
            <p><Link href={url} target="_blank" rel="noreferrer noopener">{t.openTab}</Link></p>
            <p><Link as="button" onClick={() => leaveFor(url)}>{t.openHere}</Link></p>
          </MessageBarBody>
        </MessageBar>
      ) : (
        <div role="status" className="row"><Spinner size="small" labelPosition="after" label={t.waiting(new URL(url).host)} /></div>
      )}
      <ProblemBar error={held.error} onRetry={() => void held.refetch()} />
      <div className="commands">
        {(failed || !blocked) && <Button appearance={failed ? 'primary' : 'secondary'} onClick={onAgain}>{failed ? t.signIn : t.openAgain}</Button>}
        <Button onClick={onCancel}>{shared.cancel}</Button>
      </div>
    </div>
  );
}
