/** Saving did not work: what it was, that nothing is lost, and the way on. */
import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useEffect, useState } from 'react';
import { Problem } from '../../api/client';
import type { Diagnostic } from '../../api/types';
import { useText } from '../../shared/language';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { designerText } from './text';

const ASK_AGAIN_MS = 3_000;

/** It may work at another time: no answer, or a server that is in trouble. */
export const isPassing = (error: unknown): error is Problem => error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500);

/** Whether the server answers again, looked at while it did not. */
function useServerIsBack(): boolean {
  const [isBack, setIsBack] = useState(false);
  useEffect(() => {
    let stopped = false;
    const look = () =>
      void fetch('/health/live', { cache: 'no-store' })
        .then((answer) => !stopped && setIsBack(answer.ok))
        .catch(() => !stopped && setIsBack(false));
    const timer = setInterval(look, ASK_AGAIN_MS);
    window.addEventListener('online', look);
    return () => {
      stopped = true;
      clearInterval(timer);
      window.removeEventListener('online', look);
    };
  }, []);
  return isBack;
}

function Passing({ error, busy, isKept, onRetry, onDismiss }: { error: Problem; busy: boolean; isKept: boolean; onRetry: () => void; onDismiss: () => void }) {
  const t = useText(designerText);
  const shared = useText(sharedText);
  const isBack = useServerIsBack();
  const { body } = error;
  const said = body.code === 'unreachable' ? shared.unreachable : body.code === 'timeout' ? shared.timeout : (body.detail ?? body.title ?? shared.somethingWrong);
  return (
    <MessageBar intent={isBack ? 'info' : 'warning'} layout="multiline" role="alert">
      <MessageBarBody>
        <MessageBarTitle>{t.notSaved}</MessageBarTitle> {isBack ? t.serverIsBack : said} {isKept ? t.keptHere : t.keptOpen}
        {body.status > 0 && <div className="quiet small">{body.code}{body.request_id ? ` · ${shared.requestId} ${body.request_id}` : ''}</div>}
      </MessageBarBody>
      <MessageBarActions>
        <Button appearance={isBack ? 'primary' : 'secondary'} disabled={busy} onClick={onRetry}>{t.saveNow}</Button>
        <Button appearance="transparent" onClick={onDismiss}>{shared.close}</Button>
      </MessageBarActions>
    </MessageBar>
  );
}

export function SaveTrouble({ error, busy, isKept, onRetry, onDismiss, onOpenDiagnostic }: {
  error: unknown;
  busy: boolean;
  isKept: boolean;
  onRetry: () => void;
  onDismiss: () => void;
  onOpenDiagnostic: (diagnostic: Diagnostic) => void;
}) {
  if (!error) return null;
  if (isPassing(error)) return <Passing error={error} busy={busy} isKept={isKept} onRetry={onRetry} onDismiss={onDismiss} />;
  return <ProblemBar error={error} onDismiss={onDismiss} onOpenDiagnostic={onOpenDiagnostic} />;
}
