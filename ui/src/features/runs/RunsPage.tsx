/** The runs of a flow: filters in the address, pages by key, new ones as they come, searches that say how far they looked. */
import { Button, Checkbox, Dropdown, Field, Input, Menu, MenuItemCheckbox, MenuList, MenuPopover, MenuTrigger, Option, Select, ToggleButton } from '@fluentui/react-components';
import { ColumnRegular, EditRegular, GroupListRegular, HistoryRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useMemo, useState, type ReactNode } from 'react';
import type { RunListed, RunPage, RunStatus } from '../../api/types';
import { Batches } from '../../shared/Batches';
import { Ago, Status } from '../../shared/bits';
import { getFlow } from '../../shared/flow-commands';
import { useLanguage, useText } from '../../shared/language';
import { MorePages, moveBetweenRows, Search, useFilters, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { inLanguage } from '../../shared/advice';
import { exact } from '../../shared/time';
import { columnTitle, DataCell, DataColumnItems, useDataColumns } from './DataColumns';
import { durationText } from './duration';
import { Causes, ManyBar } from './Many';
import { runsText } from './text';
import { Searched } from './Searched';
import './runs.css';

/** How far back each choice of time reaches. */
const HOURS: { [time: string]: number } = { hour: 1, day: 24, week: 7 * 24, month: 30 * 24 };
const BETWEEN = 'between';
const STATUSES: RunStatus[] = ['Running', 'Waiting', 'Succeeded', 'Failed', 'TimedOut', 'Cancelled', 'Skipped', 'Faulted'];
const KINDS = ['flow', 'create_webhook', 'delete_webhook'] as const;

/** A moment of the address (UTC) as a field for local time shows it, and back. */
export function toLocal(moment: string | undefined): string {
  const date = moment ? new Date(moment) : null;
  if (!date || Number.isNaN(date.getTime())) return '';
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
export function fromLocal(local: string): string | undefined {
  const date = local ? new Date(local) : null;
  return date && !Number.isNaN(date.getTime()) ? date.toISOString().replace('.000Z', 'Z') : undefined;
}

type FilterName = 'q' | 'status' | 'kind' | 'time' | 'from' | 'to' | 'cause' | 'causes';

/** Columns that can be left out; when a run began always stands there. */
const COLUMNS = ['status', 'duration', 'trigger', 'ended', 'version', 'id'] as const;
type Column = (typeof COLUMNS)[number];
const SHOWN_AT_FIRST: readonly Column[] = ['status', 'duration', 'trigger'];
/** Whoever chose columns finds them again, in this browser. */
const COLUMNS_KEY = 'hookmill-run-columns';

function useColumns(): [readonly Column[], (columns: readonly string[]) => void] {
  const [columns, setColumns] = useState<readonly Column[]>(() => {
    const kept = window.localStorage.getItem(COLUMNS_KEY);
    return kept === null ? SHOWN_AT_FIRST : COLUMNS.filter((column) => kept.split(',').includes(column));
  });
  const choose = (chosen: readonly string[]) => {
    const next = COLUMNS.filter((column) => chosen.includes(column));
    setColumns(next);
    window.localStorage.setItem(COLUMNS_KEY, next.join(','));
  };
  return [columns, choose];
}

function StatusFilter({ chosen, onChange }: { chosen: string[]; onChange: (chosen: string[]) => void }) {
  const t = useText(runsText);
  const shared = useText(sharedText);
  // The field is short; the list under it shows all that are chosen.
  const [first, ...others] = chosen.map((status) => shared.status[status] ?? status);
  const words = first ? `${first}${others.length ? ` +${others.length}` : ''}` : '';
  return (
    <Field label={t.status}>
      <Dropdown className="status-filter" multiselect placeholder={t.all} value={words} selectedOptions={chosen} onOptionSelect={(_, data) => onChange(STATUSES.filter((status) => data.selectedOptions.includes(status)))}>
        {STATUSES.map((status) => <Option key={status} value={status}>{shared.status[status] ?? status}</Option>)}
      </Dropdown>
    </Field>
  );
}

function Filters() {
  const t = useText(runsText);
  const [search, filter] = useFilters<FilterName>();
  const time = search.from || search.to ? BETWEEN : (search.time ?? '');
  const [between, setBetween] = useState(time === BETWEEN);
  const set = search.q || search.status || search.kind || search.time || search.from || search.to || search.cause;
  return (
    <div className="row filters">
      <Search value={search.q ?? ''} onSearch={(q) => filter({ q })} label={t.searchRuns} />
      <StatusFilter chosen={(search.status ?? '').split(',').filter(Boolean)} onChange={(chosen) => filter({ status: chosen.join(',') })} />
      <Field label={t.kind}>
        <Select value={search.kind ?? ''} onChange={(_, data) => filter({ kind: data.value })}>
          <option value="">{t.all}</option>
          {KINDS.map((kind) => <option key={kind} value={kind}>{t.kinds[kind]}</option>)}
        </Select>
      </Field>
      <Field label={t.time}>
        <Select
          value={between ? BETWEEN : time}
          onChange={(_, data) => {
            setBetween(data.value === BETWEEN);
            if (data.value !== BETWEEN) filter({ time: data.value, from: undefined, to: undefined });
            else filter({ time: undefined });
          }}
        >
          {Object.entries(t.times).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
          <option value={BETWEEN}>{t.between}</option>
        </Select>
      </Field>
      {between && (
        <>
          <Field label={t.from}><Input type="datetime-local" max={toLocal(search.to) || undefined} value={toLocal(search.from)} onChange={(_, data) => filter({ from: fromLocal(data.value) })} /></Field>
          <Field label={t.to}><Input type="datetime-local" min={toLocal(search.from) || undefined} value={toLocal(search.to)} onChange={(_, data) => filter({ to: fromLocal(data.value) })} /></Field>
        </>
      )}
      {set && (
        <Button
          appearance="subtle"
          onClick={() => {
            setBetween(false);
            filter({ q: undefined, status: undefined, kind: undefined, time: undefined, from: undefined, to: undefined, cause: undefined });
          }}
        >
          {t.clearFilters}
        </Button>
      )}
    </div>
  );
}

function Row({ flow, run, columns, data, chosen, onChoose }: { flow: string; run: RunListed; columns: readonly Column[]; data: readonly string[]; chosen: boolean; onChoose: (chosen: boolean) => void }) {
  const t = useText(runsText);
  const { language } = useLanguage();
  const cells: { [column in Column]: () => ReactNode } = {
    status: () => <td key="status"><Status status={run.status} /></td>,
    duration: () => <td key="duration" className="quiet nowrap">{durationText(run.duration_ms, language)}</td>,
    trigger: () => (
      <td key="trigger" className="what">
        <span dir="auto">{run.kind === 'flow' ? run.trigger.summary || run.trigger.name : <strong>{t.kinds[run.kind]}</strong>}</span>
        {run.resubmitted_from && <span className="small"> · <Link to="/flows/$flow/runs/$run" params={{ flow, run: run.resubmitted_from }}>{t.again}</Link></span>}
        {run.error && <div className={run.status === 'Failed' ? 'bad-text small' : 'quiet small'}>{inLanguage(run.error, language).message}</div>}
      </td>
    ),
    ended: () => <td key="ended" className="quiet nowrap">{run.ended_at && <Ago time={run.ended_at} />}</td>,
    version: () => <td key="version" className="quiet">{run.version}</td>,
    id: () => <td key="id"><code>{run.id}</code></td>,
  };
  return (
    <tr data-run={run.id}>
      <td className="nowrap">
        <div className="row-start">
          {run.kind === 'flow' && <Checkbox checked={chosen} aria-label={t.chooseRun(exact(run.started_at, language))} onChange={(_, data) => onChoose(data.checked === true)} />}
          <Link data-row to="/flows/$flow/runs/$run" params={{ flow, run: run.id }}><Ago time={run.started_at} /></Link>
        </div>
      </td>
      {columns.map((column) => cells[column]())}
      {data.map((path) => (run.kind === 'flow' ? <DataCell key={path} run={run.id} path={path} /> : <td key={path} />))}
    </tr>
  );
}

export function RunsPage() {
  const t = useText(runsText);
  const { language } = useLanguage();
  const navigate = useNavigate();
  const { flow: id } = useParams({ strict: false }) as { flow: string };
  const [search, filter] = useFilters<FilterName>();
  const [columns, chooseColumns] = useColumns();
  const [data, chooseData] = useDataColumns(id);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const flow = useQuery({ queryKey: ['flows', id], queryFn: ({ signal }) => getFlow(id, signal) });
  // Fixed while the filter stays, or every look at the list would be a new question.
  const since = useMemo(() => (HOURS[search.time ?? ''] ? new Date(Date.now() - (HOURS[search.time ?? ''] ?? 0) * 3_600_000).toISOString() : undefined), [search.time]);
  const kind = KINDS.find((one) => one === search.kind);
  const query = usePages(['runs', id], '/api/runs', { flow: id, q: search.q, status: search.status, kind, from: search.from ?? since, to: search.to, cause: search.cause }, { looksOn: false });
  const filtered = !!(search.q || search.status || search.kind || search.from || search.to || search.cause || since);
  const wanted = { flow: id, q: search.q, status: search.status, from: search.from ?? since, to: search.to, cause: search.cause };
  const { fetchNextPage, hasNextPage, isFetching } = query;
  // Pages of runs say more than other pages.
  const pages = query.pages as RunPage[] | undefined;
  const looked = { runs: pages?.reduce((sum, page) => sum + page.looked_at, 0) ?? 0, backTo: pages?.at(-1)?.looked_back_to ?? null };
  return (
    <Page
      title={t.historyOf(flow.data?.name ?? '…')}
      actions={
        <>
          <Button onClick={() => void navigate({ to: '/flows/$flow', params: { flow: id } })}>{t.details}</Button>
          <Button icon={<EditRegular />} onClick={() => void navigate({ to: '/flows/$flow/edit', params: { flow: id } })}>{t.editFlow}</Button>
        </>
      }
    >
      <ProblemBar error={flow.error} />
      <Filters />
      <div className="row">
        <ToggleButton icon={<GroupListRegular />} checked={search.causes === 'yes'} onClick={() => filter({ causes: search.causes === 'yes' ? undefined : 'yes' })}>{t.causes}</ToggleButton>
        <Menu checkedValues={{ columns: [...columns], data: [...data] }} onCheckedValueChange={(_, change) => (change.name === 'data' ? chooseData(change.checkedItems) : chooseColumns(change.checkedItems))}>
          <MenuTrigger disableButtonEnhancement><Button icon={<ColumnRegular />}>{t.chooseColumns}</Button></MenuTrigger>
          <MenuPopover>
            <MenuList>{COLUMNS.map((column) => <MenuItemCheckbox key={column} name="columns" value={column}>{t.columns[column]}</MenuItemCheckbox>)}<DataColumnItems newest={query.data?.find((run) => run.kind === 'flow')?.id} chosen={data} /></MenuList>
          </MenuPopover>
        </Menu>
        {search.cause && <span className="row small">{t.onlyCause(inLanguage({ code: '', message: search.cause }, language).message)} <Button size="small" onClick={() => filter({ cause: undefined })}>{t.allCauses}</Button></span>}
      </div>
      <Batches flow={id} />
      {search.causes === 'yes' && <Causes filter={{ ...wanted, cause: undefined }} onShow={(cause) => filter({ cause, causes: undefined })} />}
      <Loaded query={query}>
        {(runs) => {
          const choosable = runs.filter((run) => run.kind === 'flow').map((run) => run.id);
          const picked = choosable.filter((run) => chosen.has(run));
          return (
          <>
            <ManyBar
              chosen={picked}
              loaded={choosable.length}
              all={all}
              filter={wanted}
              onAll={() => setAll(true)}
              onNone={() => {
                setAll(false);
                setChosen(new Set());
              }}
            />
            {choosable.length > 0 && <span className="narrow-only"><Checkbox checked={all || picked.length === choosable.length} label={t.chooseAllShort} onChange={(_, data) => { setAll(false); setChosen(new Set(data.checked === true ? choosable : [])); }} /></span>}
            {runs.length > 0 && (
              <div className="table-wrap" onKeyDown={moveBetweenRows}>
                <table className="table runs" aria-label={t.history}>
                  <thead>
                    <tr>
                      <th>
                        <div className="row-start">
                          <Checkbox
                            checked={all || (picked.length > 0 && picked.length === choosable.length) ? true : picked.length > 0 ? 'mixed' : false}
                            aria-label={t.chooseAllRuns}
                            onChange={(_, data) => {
                              setAll(false);
                              setChosen(new Set(data.checked === true ? choosable : []));
                            }}
                          />
                          {t.started}
                        </div>
                      </th>
                      {columns.map((column) => <th key={column}>{t.columns[column]}</th>)}
                      {data.map((path) => <th key={path} title={path}>{columnTitle(path)}</th>)}
                    </tr>
                  </thead>
                  <tbody>
                    {runs.map((run) => (
                      <Row
                        key={run.id}
                        flow={id}
                        run={run}
                        columns={columns}
                        data={data}
                        chosen={all || chosen.has(run.id)}
                        onChoose={(take) => {
                          setAll(false);
                          setChosen(new Set(take ? [...picked, run.id] : (all ? choosable : picked).filter((other) => other !== run.id)));
                        }}
                      />
                    ))}
                  </tbody>
                </table>
                {!(filtered && hasNextPage && runs.length < 50) && <MorePages query={query} />}
              </div>
            )}
            {runs.length === 0 && !hasNextPage && <Empty title={filtered ? t.noneFit : t.none} icon={<HistoryRegular />}>{filtered ? t.noneFitText : t.noneText}</Empty>}
            {filtered && <Searched key={JSON.stringify(search)} found={runs.length} looked={looked} more={hasNextPage} busy={isFetching} failed={query.isFetchNextPageError} onMore={fetchNextPage} />}
          </>
          );
        }}
      </Loaded>
    </Page>
  );
}
