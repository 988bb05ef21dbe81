/** Shows what went wrong: the server's words, its hint, what uses the thing, diagnostics, and the request id. */
import { Link as FluentLink, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle, Button } from '@fluentui/react-components';
import { Link } from '@tanstack/react-router';
import { Problem } from '../api/client';
import type { Diagnostic, Use } from '../api/types';
import { findingInWords, problemInWords } from './codes';
import { useLanguage, useText } from './language';
import { sharedText } from './text';

const USE_PATHS: { [kind: string]: string } = { flow: '/flows/', connection: '/connections/', connector: '/connectors/' };

function UseList({ uses }: { uses: Use[] }) {
  const t = useText(sharedText);
  return (
    <p>
      {t.usedBy}:{' '}
      {uses.map((use, index) => (
        <span key={use.id}>
          {index > 0 && ', '}
          {USE_PATHS[use.kind] ? <Link to={`${USE_PATHS[use.kind]}${use.id}`}>{use.name}</Link> : use.name}
        </span>
      ))}
    </p>
  );
}

/** What the server wrote, where the page says it in another language. */
export function Wording({ text }: { text: string | null }) {
  const t = useText(sharedText);
  if (!text) return null;
  return (
    <details className="quiet small wording">
      <summary>{t.wording}</summary>
      <span lang="en">{text}</span>
    </details>
  );
}

export function DiagnosticList({ diagnostics, onOpen }: { diagnostics: Diagnostic[]; onOpen?: (diagnostic: Diagnostic) => void }) {
  const t = useText(sharedText);
  const { language } = useLanguage();
  const told = diagnostics.map((diagnostic) => ({ diagnostic, said: findingInWords(diagnostic, language) }));
  return (
    <ul className="diagnostics">
      {told.map(({ diagnostic, said }, index) => (
        <li key={index} data-severity={diagnostic.severity}>
          <strong>{diagnostic.severity === 'error' ? t.error : t.warning}</strong> {said.message}{' '}
          {diagnostic.pointer &&
            (onOpen ? (
              <FluentLink as="button" inline onClick={() => onOpen(diagnostic)}>
                <code>{diagnostic.pointer}</code>
              </FluentLink>
            ) : (
              <code>{diagnostic.pointer}</code>
            ))}
          {said.hint && <div className="quiet">{said.hint}</div>}
          <Wording text={said.wording} />
        </li>
      ))}
    </ul>
  );
}

/** `error` may be anything that was thrown; null shows nothing. */
export function ProblemBar({
  error,
  onRetry,
  onDismiss,
  onOpenDiagnostic,
}: {
  error: unknown;
  onRetry?: (() => void) | undefined;
  onDismiss?: (() => void) | undefined;
  onOpenDiagnostic?: (diagnostic: Diagnostic) => void;
}) {
  const t = useText(sharedText);
  const { language } = useLanguage();
  if (!error) return null;
  const body = error instanceof Problem ? error.body : null;
  const said = body ? problemInWords(body, language) : null;
  const title =
    body?.code === 'unreachable'
      ? t.unreachable
      : body?.code === 'timeout'
        ? t.timeout
        : said?.message || (error instanceof Error && error.message ? error.message : t.somethingWrong);
  const hint = body?.code === 'unreachable' ? t.unreachableHint : said?.hint;
  return (
    <MessageBar intent="error" layout="multiline" role="alert">
      <MessageBarBody>
        <MessageBarTitle>{title}</MessageBarTitle>
        {hint && (
          <p>
            <strong>{t.whatToDo}:</strong> {hint}
          </p>
        )}
        {said?.wording && <p className="quiet small">{t.wording}: <span lang="en">{said.wording}</span></p>}
        {body?.pointer && <code>{body.pointer}</code>}
        {body?.used_by && body.used_by.length > 0 && <UseList uses={body.used_by} />}
        {body?.diagnostics && body.diagnostics.length > 0 && (
          <DiagnosticList diagnostics={body.diagnostics} {...(onOpenDiagnostic ? { onOpen: onOpenDiagnostic } : {})} />
        )}
        {body && body.status > 0 && (
          <div className="quiet small">
            {body.code}
            {body.request_id ? ` · ${t.requestId} ${body.request_id}` : ''}
          </div>
        )}
      </MessageBarBody>
      {(onRetry || onDismiss) && (
        <MessageBarActions>
          {onRetry && <Button onClick={onRetry}>{t.retry}</Button>}
          {onDismiss && <Button onClick={onDismiss}>{t.close}</Button>}
        </MessageBarActions>
      )}
    </MessageBar>
  );
}
