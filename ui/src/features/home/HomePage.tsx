/** Home: what needs attention, the last runs, and ways to begin. */
import { AddCircleRegular, AppsAddInRegular, ArrowImportRegular, BranchForkRegular, GlobeRegular, LibraryRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { api } from '../../api/client';
import type { RunListed } from '../../api/types';
import { Ago, Status } from '../../shared/bits';
import { inLanguage } from '../../shared/advice';
import { useLanguage, useText } from '../../shared/language';
import { Loaded, Page } from '../../shared/page';
import { duration } from '../../shared/time';
import { Batches } from '../../shared/Batches';
import { Attention } from './Attention';
import { homeText } from './text';

/** The ways to a first flow, each with a guide; then those that need none. */
const GUIDES = [
  { way: 'github', icon: <BranchForkRegular />, title: 'github', text: 'githubText' },
  { way: 'file', icon: <AppsAddInRegular />, title: 'file', text: 'fileText' },
  { way: 'generic', icon: <GlobeRegular />, title: 'generic', text: 'genericText' },
] as const;
const OTHER_WAYS = [
  { icon: <AddCircleRegular />, title: 'blank', text: 'blankText', to: '/flows/new', search: {} },
  { icon: <ArrowImportRegular />, title: 'importFlow', text: 'importText', to: '/flows/import', search: {} },
  { icon: <LibraryRegular />, title: 'template', text: 'templateText', to: '/templates', search: {} },
] as const;

/** Ways to begin: large for who is new here, later a short list. */
function Start({ isNew }: { isNew: boolean }) {
  const t = useText(homeText);
  const inside = (way: { icon: ReactNode; title: 'github' | 'file' | 'generic' | 'blank' | 'importFlow' | 'template'; text: 'githubText' | 'fileText' | 'genericText' | 'blankText' | 'importText' | 'templateText' }) => (
    <>
      {way.icon}
      <strong>{t[way.title]}</strong>
      <span className="quiet">{t[way.text]}</span>
    </>
  );
  return (
    <section className={isNew ? 'panel stack' : 'section'} aria-labelledby="start-title">
      <h2 id="start-title">{isNew ? t.start : t.create}</h2>
      {isNew && <p className="quiet">{t.startText}</p>}
      <div className={isNew ? 'choice-grid' : 'choice-grid compact'}>
        {GUIDES.map((guide) => <Link key={guide.way} className="choice" to="/first-flow/$way" params={{ way: guide.way }}>{inside(guide)}</Link>)}
        {!isNew && OTHER_WAYS.map((way) => <Link key={way.title} className="choice" to={way.to} search={way.search}>{inside(way)}</Link>)}
      </div>
      {isNew && (
        <p className="row small">
          {OTHER_WAYS.map((way) => <Link key={way.title} to={way.to} search={way.search}>{t[way.title]}</Link>)}
        </p>
      )}
    </section>
  );
}

function RecentRuns({ runs }: { runs: RunListed[] }) {
  const t = useText(homeText);
  const { language } = useLanguage();
  if (runs.length === 0) return <p className="panel quiet">{t.noRuns}</p>;
  return (
    <div className="table-wrap" tabIndex={0} role="region" aria-labelledby="recent-title">
      <table className="table">
        <thead>
          <tr>
            <th>{t.flow}</th>
            <th>{t.status}</th>
            <th>{t.started}</th>
            <th className="optional">{t.took}</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id}>
              <td>
                <span className="name"><Link to="/flows/$flow/runs/$run" params={{ flow: run.flow.id, run: run.id }}>{run.flow.name}</Link></span>
                <span className="quiet small" dir="auto">{run.kind === 'flow' ? run.trigger.summary : run.kind === 'create_webhook' ? t.createWebhook : t.deleteWebhook}</span>
                {run.error && run.status !== 'Cancelled' && <div className="bad-text small">{inLanguage(run.error, language).message}</div>}
              </td>
              <td><Status status={run.status} /></td>
              <td className="quiet"><Ago time={run.started_at} /></td>
              <td className="quiet optional">{run.duration_ms === null ? '' : duration(run.duration_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function HomePage() {
  const t = useText(homeText);
  const flows = useQuery({ queryKey: ['flows', 'any'], queryFn: ({ signal }) => api.get('/api/flows', { query: { limit: 1 }, signal }) });
  const runs = useQuery({ queryKey: ['runs', 'recent'], queryFn: ({ signal }) => api.get('/api/runs', { query: { limit: 10 }, signal }) });
  const isNew = flows.data?.items.length === 0;
  return (
    <Page title={t.title}>
      {isNew && <Start isNew />}
      <Batches />
      <section className="section" aria-labelledby="attention-title">
        <h2 id="attention-title">{t.attention}</h2>
        <Attention />
      </section>
      {flows.data && !isNew && <Start isNew={false} />}
      <section className="section" aria-labelledby="recent-title">
        <div className="section-head">
          <h2 id="recent-title">{t.recent}</h2>
          {!isNew && <Link to="/flows">{t.allFlows}</Link>}
        </div>
        <Loaded query={runs}>{(data) => <RecentRuns runs={data.items} />}</Loaded>
      </section>
    </Page>
  );
}
