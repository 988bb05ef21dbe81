/** How the server does: runs of the last hour, what waits, the slowest flows, the servers, the disk, the last backup. */
import { Badge, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { api } from '../../api/client';
import type { Overview as Figures } from '../../api/types';
import { Ago } from '../../shared/bits';
import { useLanguage, useText } from '../../shared/language';
import { moveBetweenRows } from '../../shared/list';
import { Loaded } from '../../shared/page';
import { bytesText, duration } from '../../shared/time';
import { overviewText } from './overview-text';

/** How often the figures are asked for while the page is seen. */
const LOOK_MS = 5_000;
/** A server that has not said for so long that it lives is called silent. */
const SILENT_MS = 5_000;
const DISK_LOW = 0.1;

/** "60 min", "25 s": how far the figures reach back. */
function spanText(since: string): string {
  const seconds = Math.max(1, Math.round((Date.now() - Date.parse(since)) / 1000));
  return seconds >= 120 ? `${Math.round(seconds / 60)} min` : `${seconds} s`;
}

function useNumbers() {
  const { language } = useLanguage();
  return {
    language,
    number: (value: number) => value.toLocaleString(language),
    rate: (value: number) => value.toLocaleString(language, { maximumSignificantDigits: 2 }),
    bytes: (value: number) => bytesText(value, language),
  };
}

function Tile({ name, value, children }: { name: string; value: ReactNode; children?: ReactNode }) {
  return (
    <div className="tile">
      <dt>{name}</dt>
      <dd><strong>{value}</strong>{children && <span className="quiet small">{children}</span>}</dd>
    </div>
  );
}

function Tiles({ data }: { data: Figures }) {
  const t = useText(overviewText);
  const { number, rate, bytes } = useNumbers();
  const { recent, queue, store, backup } = data;
  const seconds = Math.max(1, (Date.now() - Date.parse(recent.since)) / 1000);
  const failed = recent.failed > 0 ? t.failed(recent.failed, number(recent.failed)) : t.noneFailed;
  const each = recent.runs / seconds;
  const never = data.makes_backups ? t.never : '–';
  return (
    <dl className="tiles">
      <Tile name={t.runsIn(spanText(recent.since))} value={number(recent.runs)}>
        {recent.runs > 0 && <>{each < 1 ? t.perMinute(rate(60 * each)) : t.perSecond(rate(each))}, {failed}{recent.open > 0 && `, ${t.open(recent.open, number(recent.open))}`}</>}
      </Tile>
      <Tile name={t.waiting} value={number(queue.events)}>
        {queue.events > 0 ? t.waitingIn(queue.flows.length, number(queue.flows.length)) : t.nothingWaits}
      </Tile>
      <Tile name={t.disk} value={store.disk_free === null ? '–' : bytes(store.disk_free)}>
        {store.disk_total === null ? t.diskElsewhere : t.diskOf(bytes(store.disk_total))}
      </Tile>
      <Tile name={t.backup} value={backup ? <Ago time={backup.at} /> : never}>
        {backup ? bytes(backup.bytes) : data.makes_backups ? t.backupHint : t.backupOwn}
      </Tile>
    </dl>
  );
}

/** Runs by minute as bars, the newest at the right; the share that failed is the lower part. */
function Minutes({ recent }: { recent: Figures['recent'] }) {
  const t = useText(overviewText);
  const { language, number } = useNumbers();
  const most = Math.max(1, ...recent.minutes.map((minute) => minute.runs));
  const clock = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
  if (recent.runs === 0) return <p className="quiet">{t.empty} {t.emptyHint}</p>;
  return (
    <div className="minutes" role="img" aria-label={t.chart(number(recent.runs), number(recent.failed), spanText(recent.since))}>
      {recent.minutes.map((minute) => (
        <span key={minute.at} title={t.minute(clock.format(new Date(minute.at)), number(minute.runs), number(minute.failed))}>
          <i style={{ height: `${(minute.runs - minute.failed) / most * 100}%` }} />
          <i data-failed style={{ height: `${minute.failed / most * 100}%` }} />
        </span>
      ))}
    </div>
  );
}

function FlowName({ flow }: { flow: { id: string; name: string; is_own: boolean } }) {
  return flow.is_own ? <Link to="/flows/$flow" params={{ flow: flow.id }} data-row>{flow.name}</Link> : <>{flow.name}</>;
}

/** A small table with a heading of its own; the first column names the row. On a phone each value says what it is. */
function Table({ title, hint, heads, rows }: { title: string; hint?: string; heads: string[]; rows: { key: string; cells: ReactNode[] }[] }) {
  return (
    <div className="stack tight">
      <h3>{title}</h3>
      {hint && <p className="quiet small">{hint}</p>}
      <div className="table-wrap" onKeyDown={moveBetweenRows}>
        <table className="table" aria-label={title}>
          <thead><tr>{heads.map((head) => <th key={head}>{head}</th>)}</tr></thead>
          <tbody>
            {rows.map(({ key, cells }) => (
              <tr key={key}>{cells.map((cell, index) => <td key={heads[index]} {...(index > 0 ? { 'data-head': heads[index] } : {})}>{cell}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Servers({ data }: { data: Figures }) {
  const t = useText(overviewText);
  const { language, number } = useNumbers();
  const rows = data.nodes.map((node, index) => ({
    key: `${node.name} ${index}`,
    cells: [
      <>{node.name} {node.is_this && <Badge appearance="tint">{t.thisOne}</Badge>} {node.drains && <Badge appearance="tint" color="warning">{t.drains}</Badge>} {node.silent_ms > SILENT_MS && <Badge appearance="tint" color="danger">{t.silent}</Badge>}</>,
      t.ofShares(number(node.shards), number(data.shards)),
      node.silent_ms < 2_000 ? t.justNow : t.before(duration(node.silent_ms, language)),
      node.version,
    ],
  }));
  return <Table title={t.servers} heads={[t.server, t.shares, t.heard, t.version]} rows={rows} />;
}

function Here({ data }: { data: Figures }) {
  const t = useText(overviewText);
  const { language, number, bytes } = useNumbers();
  const { calls, queue, store } = data;
  return (
    <div className="stack tight">
      <h3>{t.here}{data.node && `: ${data.node}`}</h3>
      <dl className="facts">
        <dt>{t.calls}</dt><dd>{t.callsText(number(calls.accepted), number(calls.refused))}</dd>
        <dt>{t.requests}</dt><dd>{t.requestsText(number(queue.requests), number(queue.requests_waiting))}</dd>
        {data.memory_bytes !== null && <><dt>{t.memory}</dt><dd>{bytes(data.memory_bytes)}, {t.memoryRuns(number(queue.runs_in_memory))}</dd></>}
        <dt>{t.checkpoint}</dt>
        <dd>
          {store.checkpoint_age_ms === null ? t.checkpointNever : t.before(duration(store.checkpoint_age_ms, language))}
          {store.log_bytes !== null && `, ${t.log(bytes(store.log_bytes))}`}
        </dd>
      </dl>
    </div>
  );
}

function Everything({ data }: { data: Figures }) {
  const t = useText(overviewText);
  const { language, number, bytes } = useNumbers();
  const { queue, store } = data;
  const isDiskLow = store.disk_free !== null && store.disk_total !== null && store.disk_free < DISK_LOW * store.disk_total;
  return (
    <>
      {queue.store_refuses && <MessageBar intent="error" layout="multiline"><MessageBarBody>{t.refuses}</MessageBarBody></MessageBar>}
      {isDiskLow && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{t.diskLow(bytes(store.disk_free ?? 0))}</MessageBarBody></MessageBar>}
      {queue.services_silent > 0 && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{t.silentServices(queue.services_silent, number(queue.services_silent))}</MessageBarBody></MessageBar>}
      <Tiles data={data} />
      <Minutes recent={data.recent} />
      {data.slowest.length > 0 && (
        <Table
          title={t.slowest}
          hint={t.slowestHint}
          heads={[t.flow, t.mean, t.longest, t.count]}
          rows={data.slowest.map((flow) => ({ key: flow.id, cells: [<FlowName key="name" flow={flow} />, duration(flow.mean_ms, language), duration(flow.longest_ms, language), number(flow.runs)] }))}
        />
      )}
      {queue.flows.length > 0 && (
        <Table title={t.most} heads={[t.flow, t.events]} rows={queue.flows.map((flow) => ({ key: flow.id, cells: [<FlowName key="name" flow={flow} />, number(flow.events)] }))} />
      )}
      {data.nodes.length > 0 && <Servers data={data} />}
      <Here data={data} />
    </>
  );
}

export function Overview() {
  const t = useText(overviewText);
  const overview = useQuery({ queryKey: ['overview'], queryFn: ({ signal }) => api.get('/api/overview', { signal }), refetchInterval: LOOK_MS });
  return (
    <section className="panel stack" aria-labelledby="overview-title">
      <h2 id="overview-title">{t.title}</h2>
      <Loaded query={overview}>{(data) => <Everything data={data} />}</Loaded>
    </section>
  );
}
