/** The frame of a page: title, commands, and the empty, loading and failed states of what it shows. */
import { Skeleton, SkeletonItem, Title2 } from '@fluentui/react-components';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, type ReactNode } from 'react';
import { useText } from './language';
import { ProblemBar } from './ProblemBar';
import { sharedText } from './text';

/** Names the browser tab; the thing comes first so that many tabs can be told apart. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Hookmill`;
  }, [title]);
}

/** Leads elsewhere, once: the address changes while the other page is still being loaded, and must not lead on from there. */
export function GoTo({ href }: { href: string }) {
  const navigate = useNavigate();
  const first = useRef(href);
  useEffect(() => void navigate({ href: first.current, replace: true }), [navigate]);
  return <div className="page"><Loading /></div>;
}

/** `heading` stands on the page where the tab's title says more, as in "Account · Settings". */
export function Page({ title, heading, actions, children, narrow }: { title: string; heading?: string; actions?: ReactNode; children: ReactNode; narrow?: boolean }) {
  usePageTitle(title);
  return (
    <div className={narrow ? 'page narrow' : 'page'}>
      <header className="page-head">
        <Title2 as="h1">{heading ?? title}</Title2>
        {actions && <div className="commands">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Empty({ title, children, actions, icon }: { title: string; children?: ReactNode; actions?: ReactNode; icon?: ReactNode }) {
  return (
    <div className="empty">
      {icon && <div className="empty-icon" aria-hidden="true">{icon}</div>}
      <h2>{title}</h2>
      {children && <div className="quiet">{children}</div>}
      {actions && <div className="commands">{actions}</div>}
    </div>
  );
}

export function Loading({ rows = 5 }: { rows?: number }) {
  const t = useText(sharedText);
  return (
    <Skeleton aria-label={t.loading} className="loading">
      {Array.from({ length: rows }, (_, index) => (
        <SkeletonItem key={index} size={32} />
      ))}
    </Skeleton>
  );
}

interface Loadable<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

/** Shows data, or its skeleton, or why it is missing. Old data stays visible when a refresh fails. */
export function Loaded<T>({ query, children, rows }: { query: Loadable<T>; children: (data: T) => ReactNode; rows?: number }) {
  return (
    <>
      {query.error ? <ProblemBar error={query.error} onRetry={() => void query.refetch()} /> : null}
      {query.data !== undefined ? children(query.data) : query.isPending ? <Loading {...(rows ? { rows } : {})} /> : null}
    </>
  );
}
