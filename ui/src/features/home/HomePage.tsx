/** Home: what needs attention, the last runs, and ways to begin. */
import { MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { AddCircleRegular, AppsAddInRegular, ArrowImportRegular, GlobeRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { get } from '../../api/client';
import type { Attention, Flow, Page as PageOf, Run } from '../../api/types';
import { Ago, Status } from '../../shared/bits';
import { useText } from '../../shared/language';
import { Loaded, Page } from '../../shared/page';
import { duration } from '../../shared/time';
import { homeText } from './text';

const idOf = (thing: { id: string } | string | null | undefined) => (typeof thing === 'string' ? thing : thing?.id);

function attentionLink(item: Attention): string {
  const flow = idOf(item.flow);
  const run = idOf(item.run);
  const connection = idOf(item.connection);
  if (flow && run) return `/flows/${flow}/runs/${run}`;
  if (item.kind === 'connection_broken' && connection) return `/connections/${connection}`;
  if (flow) return `/flows/${flow}`;
  return connection ? `/connections/${connection}` : '/flows';
}

function Start() {
  const t = useText(homeText);
  return (
    <section className="panel stack" aria-labelledby="start-title">
      <h2 id="start-title">{t.start}</h2>
      <p className="quiet">{t.startText}</p>
      <div className="choice-grid">
        <Link className="choice" to="/connectors" search={{ create: 'import' }}>
          <AppsAddInRegular />
          <strong>{t.github}</strong>
          <span className="quiet">{t.githubText}</span>
        </Link>
        <Link className="choice" to="/flows/new" search={{ template: 'request' }}>
          <GlobeRegular />
          <strong>{t.generic}</strong>
          <span className="quiet">{t.genericText}</span>
        </Link>
        <Link className="choice" to="/flows/new">
          <AddCircleRegular />
          <strong>{t.blank}</strong>
          <span className="quiet">{t.blankText}</span>
        </Link>
        <Link className="choice" to="/flows" search={{ import: 'true' }}>
          <ArrowImportRegular />
          <strong>{t.importFlow}</strong>
          <span className="quiet">{t.importText}</span>
        </Link>
      </div>
    </section>
  );
}

export function HomePage() {
  const t = useText(homeText);
  const attention = useQuery({ queryKey: ['attention'], queryFn: ({ signal }) => get<{ items: Attention[] }>('/api/attention', undefined, signal) });
  const flows = useQuery({ queryKey: ['flows', 'any'], queryFn: ({ signal }) => get<PageOf<Flow>>('/api/flows', { limit: 1 }, signal) });
  const runs = useQuery({ queryKey: ['runs', 'recent'], queryFn: ({ signal }) => get<PageOf<Run>>('/api/runs', { limit: 10 }, signal) });
  const isNew = flows.data?.items.length === 0;
  return (
    <Page title={t.title}>
      {isNew && <Start />}
      <section className="stack tight" aria-labelledby="attention-title">
        <h2 id="attention-title">{t.attention}</h2>
        <Loaded query={attention} rows={2}>
          {(data) =>
            data.items.length === 0 ? (
              <p className="quiet">{t.allWell}</p>
            ) : (
              <div className="stack tight">
                {data.items.map((item, index) => (
                  <MessageBar key={index} intent="warning" layout="multiline">
                    <MessageBarBody>
                      <MessageBarTitle>{item.title}</MessageBarTitle> {item.detail}
                      {item.hint && <div className="quiet">{item.hint}</div>}
                    </MessageBarBody>
                    <MessageBarActions>
                      <Link to={attentionLink(item)}>{t.open}</Link>
                    </MessageBarActions>
                  </MessageBar>
                ))}
              </div>
            )
          }
        </Loaded>
      </section>
      <section className="stack tight" aria-labelledby="recent-title">
        <h2 id="recent-title">{t.recent}</h2>
        <Loaded query={runs}>
          {(data) =>
            data.items.length === 0 ? (
              <p className="quiet">{t.noRuns}</p>
            ) : (
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
                    {data.items.map((run) => (
                      <tr key={run.id}>
                        <td>
                          <Link to="/flows/$flow/runs/$run" params={{ flow: run.flow.id, run: run.id }}>{run.flow.name}</Link>{' '}
                          {run.kind !== 'flow' && <span className="quiet">· {run.kind === 'create_webhook' ? t.createWebhook : t.deleteWebhook}</span>}
                        </td>
                        <td><Status status={run.status} /></td>
                        <td><Ago time={run.started_at} /></td>
                        <td className="optional">{run.duration_ms === null ? '' : duration(run.duration_ms)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Loaded>
      </section>
      {!isNew && flows.data && <Start />}
    </Page>
  );
}
