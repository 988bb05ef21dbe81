/** The runs of a flow: filters in the address, pages by key, new ones as they come. */
import { Button, Field, Select, Table, TableBody, TableCell, TableHeader, TableHeaderCell, TableRow } from '@fluentui/react-components';
import { EditRegular, HistoryRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { RunStatus } from '../../api/types';
import { Ago, Status } from '../../shared/bits';
import { getFlow } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { MorePages, moveBetweenRows, Search, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { durationText } from './duration';
import { runsText } from './text';

/** How far back each choice of time reaches. */
const HOURS: { [time: string]: number } = { hour: 1, day: 24, week: 7 * 24, month: 30 * 24 };
const STATUSES = ['Running', 'Waiting', 'Succeeded', 'Failed', 'Cancelled', 'Skipped', 'TimedOut'];

export function RunsPage() {
  const t = useText(runsText);
  const shared = useText(sharedText);
  const navigate = useNavigate();
  const { flow: id } = useParams({ strict: false }) as { flow: string };
  const search = useSearch({ strict: false }) as { q?: string; status?: RunStatus; time?: string };
  const flow = useQuery({ queryKey: ['flows', id], queryFn: ({ signal }) => getFlow(id, signal) });
  // Fixed while the filter stays, or every look at the list would be a new question.
  const from = useMemo(() => (HOURS[search.time ?? ''] ? new Date(Date.now() - (HOURS[search.time ?? ''] ?? 0) * 3_600_000).toISOString() : undefined), [search.time]);
  const query = usePages(['runs', id], '/api/runs', { flow: id, q: search.q, status: search.status, from });
  const filtered = !!(search.q || search.status || from);
  const show = (change: { q?: string; status?: string; time?: string }) =>
    void navigate({ to: '/flows/$flow/runs', params: { flow: id }, search: Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value)) as Record<string, string>, replace: true });
  return (
    <Page
      title={t.historyOf(flow.data?.name ?? '…')}
      actions={<Button icon={<EditRegular />} onClick={() => void navigate({ to: '/flows/$flow/edit', params: { flow: id } })}>{t.editFlow}</Button>}
    >
      <ProblemBar error={flow.error} />
      <div className="row filters">
        <Search value={search.q ?? ''} onSearch={(q) => show({ q })} label={t.searchRuns} />
        <Field label={t.status} orientation="horizontal">
          <Select value={search.status ?? ''} onChange={(_, data) => show({ status: data.value })}>
            <option value="">{t.all}</option>
            {STATUSES.map((status) => <option key={status} value={status}>{shared.status[status]}</option>)}
          </Select>
        </Field>
        <Field label={t.time} orientation="horizontal">
          <Select value={search.time ?? ''} onChange={(_, data) => show({ time: data.value })}>
            {Object.entries(t.times).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
          </Select>
        </Field>
      </div>
      <Loaded query={query}>
        {(runs) =>
          runs.length === 0 ? (
            <Empty title={filtered ? t.noneFit : t.none} icon={<HistoryRegular />}>{filtered ? undefined : t.noneText}</Empty>
          ) : (
            <div className="table-wrap" onKeyDown={moveBetweenRows}>
              <Table className="table" aria-label={t.history}>
                <TableHeader>
                  <TableRow>
                    <TableHeaderCell>{t.started}</TableHeaderCell>
                    <TableHeaderCell>{t.status}</TableHeaderCell>
                    <TableHeaderCell>{t.duration}</TableHeaderCell>
                    <TableHeaderCell>{t.trigger}</TableHeaderCell>
                  </TableRow>
                </TableHeader>
                <TableBody>
                  {runs.map((run) => (
                    <TableRow key={run.id}>
                      <TableCell>
                        <Link data-row to="/flows/$flow/runs/$run" params={{ flow: id, run: run.id }}><Ago time={run.started_at} /></Link>
                      </TableCell>
                      <TableCell><Status status={run.status} /></TableCell>
                      <TableCell>{durationText(run.duration_ms)}</TableCell>
                      <TableCell>
                        {run.kind === 'flow' ? run.trigger.summary || run.trigger.name : <strong>{t.kinds[run.kind]}</strong>}
                        {run.resubmitted_from && <span className="quiet small"> · {t.again}</span>}
                        {run.error && <div className="quiet small">{run.error.message}</div>}
                      </TableCell>
                    </TableRow>
                  ))}
                </TableBody>
              </Table>
              <MorePages query={query} />
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
