/** A run of the flow, followed live on the designer's own cards. */
import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { skipToken, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { api } from '../../api/client';
import type { ActionRun, Run } from '../../api/types';
import { Status } from '../../shared/bits';
import { inLanguage } from '../../shared/advice';
import { useLanguage, useText } from '../../shared/language';
import { sharedText } from '../../shared/text';
import { duration } from '../../shared/time';
import { designerText } from './text';

/** Events tell of changes too; this is for where they do not come through. */
const ASK_AGAIN_MS = 700;

export function useLiveRun(id: string | null): { run: Run | undefined; actions: ReadonlyMap<string, ActionRun>; error: unknown } {
  const query = useQuery({
    queryKey: ['runs', 'one', id],
    queryFn: id === null ? skipToken : ({ signal }) => api.get('/api/runs/{id}', { path: { id }, signal }),
    refetchInterval: (held) => (held.state.data && held.state.data.ended_at !== null ? false : ASK_AGAIN_MS),
  });
  const run = id === null ? undefined : query.data;
  const actions = useMemo(() => new Map((run?.actions ?? []).map((action) => [action.name, action])), [run]);
  return { run, actions, error: query.error };
}

const INTENTS = { Succeeded: 'success', Failed: 'error', TimedOut: 'error', Aborted: 'error', Faulted: 'error' } as const;

export function RunBar({ run, onClose }: { run: Run; onClose: () => void }) {
  const t = useText(designerText);
  const shared = useText(sharedText);
  const { language } = useLanguage();
  return (
    <MessageBar intent={INTENTS[run.status as keyof typeof INTENTS] ?? 'info'} data-run={run.id}>
      <MessageBarBody>
        <MessageBarTitle>{INTENTS[run.status as keyof typeof INTENTS] === 'error' ? t.testFailed : t.testedRun}</MessageBarTitle>
        <Status status={run.status} /> {run.duration_ms !== null && duration(run.duration_ms)} {run.error && inLanguage(run.error, language).message}
      </MessageBarBody>
      <MessageBarActions>
        <Link to="/flows/$flow/runs/$run" params={{ flow: run.flow.id, run: run.id }}>{t.openRun}</Link>
        <Button appearance="transparent" size="small" onClick={onClose}>{shared.close}</Button>
      </MessageBarActions>
    </MessageBar>
  );
}
