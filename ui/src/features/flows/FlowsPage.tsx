/** My flows: state, trigger, last run, and everything that can be done with a flow. */
import { Button, Checkbox, Field, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, Select, Switch, ToggleButton, Tooltip } from '@fluentui/react-components';
import { AddRegular, ArrowImportRegular, EditRegular, FlowRegular, InfoRegular, LibraryRegular, MoreHorizontalRegular, TextLineSpacingRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { addressOf } from '../../api/client';
import type { FlowListed, FlowState } from '../../api/types';
import { Ago, Confirm, Sparkline, Status } from '../../shared/bits';
import { StepIcon } from '../../shared/canvas/StepIcon';
import { deleteFlow, duplicate, turn } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { MorePages, moveBetweenRows, Search, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { BulkBar } from './BulkBar';
import { orderOf, ORDERS, sorted, tagsOf } from './sorting';
import { TagsDialog } from './TagsDialog';
import { flowsText } from './text';

function FlowRow({ flow, chosen, onChoose, onTag, onTags, onDelete, onError }: { flow: FlowListed; chosen: boolean; onChoose: (chosen: boolean) => void; onTag: (tag: string) => void; onTags: () => void; onDelete: () => void; onError: (error: unknown) => void }) {
  const t = useText(flowsText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const act = (what: () => Promise<unknown>) => {
    setBusy(true);
    what()
      .catch(onError)
      .finally(() => {
        setBusy(false);
        void client.invalidateQueries({ queryKey: ['flows'] });
      });
  };
  return (
    <tr>
      <td>
        <div className="name">
          <Checkbox checked={chosen} aria-label={t.choose(flow.name)} onChange={(_, data) => onChoose(data.checked === true)} />
          <StepIcon step={flow.trigger ? { type: flow.trigger.type } : null} kind="trigger" />
          <Link to="/flows/$flow" params={{ flow: flow.id }} data-row>
            {flow.name}
          </Link>
          {flow.tags.map((tag) => <Button key={tag} size="small" shape="circular" className="tag" aria-label={t.onlyTag(tag)} onClick={() => onTag(tag)}>{tag}</Button>)}
        </div>
      </td>
      <td>
        <Switch
          checked={flow.state === 'on'}
          disabled={busy}
          label={shared.state[flow.state]}
          aria-label={`${flow.name}: ${shared.state[flow.state]}`}
          onChange={(_, data) => act(() => turn(flow.id, data.checked ? 'on' : 'off'))}
        />
      </td>
      <td className="optional">{flow.trigger?.summary ?? flow.trigger?.name}</td>
      <td>
        {flow.last_run ? (
          <Link to="/flows/$flow/runs/$run" params={{ flow: flow.id, run: flow.last_run.id }}>
            <Status status={flow.last_run.status} />
          </Link>
        ) : (
          '–'
        )}{' '}
        <span className="quiet small optional">{flow.last_run && <Ago time={flow.last_run.started_at} />}</span>
      </td>
      <td className="optional"><Sparkline recent={flow.recent ?? []} /></td>
      <td className="actions">
        <Tooltip content={t.runHistory} relationship="label">
          <Button appearance="subtle" icon={<InfoRegular />} aria-label={`${t.runHistory}: ${flow.name}`} onClick={() => void navigate({ to: '/flows/$flow/runs', params: { flow: flow.id } })} />
        </Tooltip>
        <Tooltip content={t.edit} relationship="label">
          <Button appearance="subtle" icon={<EditRegular />} aria-label={`${t.edit}: ${flow.name}`} onClick={() => void navigate({ to: '/flows/$flow/edit', params: { flow: flow.id } })} />
        </Tooltip>
        <Menu>
          <MenuTrigger disableButtonEnhancement>
            <Button appearance="subtle" icon={<MoreHorizontalRegular />} aria-label={t.more(flow.name)} />
          </MenuTrigger>
          <MenuPopover>
            <MenuList>
              <MenuItem onClick={() => void navigate({ to: '/flows/$flow', params: { flow: flow.id }, search: { run: 'now' } })}>{t.run}</MenuItem>
              <MenuItem onClick={() => act(() => duplicate(flow.id))}>{t.duplicate}</MenuItem>
              <MenuItem onClick={() => window.location.assign(addressOf('/api/flows/{id}/export', { id: flow.id }))}>{t.export}</MenuItem>
              <MenuItem onClick={onTags}>{t.editTags}</MenuItem>
              <MenuItem onClick={onDelete}>{shared.delete}</MenuItem>
            </MenuList>
          </MenuPopover>
        </Menu>
      </td>
    </tr>
  );
}

/** Whoever has many flows keeps the rows small, in this browser. */
const COMPACT_KEY = 'hookmill-compact-flows';
/** An order is known only once all flows are; beyond so many it is that of the newest ones. */
const SORTED_MAX = 2_000;

export function FlowsPage() {
  const t = useText(flowsText);
  const shared = useText(sharedText);
  const search = useSearch({ strict: false }) as { q?: string; state?: FlowState; tag?: string; sort?: string };
  const navigate = useNavigate();
  const client = useQueryClient();
  const [doomed, setDoomed] = useState<FlowListed | null>(null);
  const [tagged, setTagged] = useState<FlowListed | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [compact, setCompact] = useState(() => window.localStorage.getItem(COMPACT_KEY) === 'yes');
  const [error, setError] = useState<unknown>(null);
  const flows = usePages(['flows', 'list'], '/api/flows', { q: search.q, state: search.state, limit: 200 });
  const order = orderOf(search.sort);
  const loaded = flows.data ?? [];
  const { hasNextPage, isFetching, fetchNextPage, isFetchNextPageError } = flows;
  const wantsAll = (order !== 'newest' || !!search.tag) && hasNextPage && loaded.length < SORTED_MAX && !isFetchNextPageError;
  useEffect(() => {
    if (wantsAll && !isFetching) void fetchNextPage();
  }, [wantsAll, isFetching, fetchNextPage, loaded.length]);
  const tags = tagsOf(loaded);
  const known = tags.map(([tag]) => tag);
  const shown = sorted(loaded.filter((flow) => !search.tag || flow.tags.includes(search.tag)), order);
  const picked = shown.filter((flow) => chosen.has(flow.id));
  const filter = (change: { q?: string; state?: string; tag?: string; sort?: string }) => void navigate({ to: '/flows', search: { ...(search as Record<string, string>), ...change }, replace: true });
  const fresh = () => void client.invalidateQueries({ queryKey: ['flows'] });
  const createButton = <Button appearance="primary" icon={<AddRegular />} onClick={() => void navigate({ to: '/flows/new' })}>{t.create}</Button>;
  const templateButton = <Button icon={<LibraryRegular />} onClick={() => void navigate({ to: '/templates' })}>{t.template}</Button>;
  const importButton = <Button icon={<ArrowImportRegular />} onClick={() => void navigate({ to: '/flows/import' })}>{t.import}</Button>;
  return (
    <Page title={t.title} actions={<>{createButton}{templateButton}{importButton}</>}>
      <div className="row filters">
        <Search value={search.q ?? ''} onSearch={(q) => filter({ q })} label={t.search} />
        <Field label={t.state}>
          <Select value={search.state ?? ''} onChange={(_, data) => filter({ state: data.value })}>
            <option value="">{t.allStates}</option>
            {['on', 'off', 'draft'].map((state) => (
              <option key={state} value={state}>{shared.state[state]}</option>
            ))}
          </Select>
        </Field>
        {(tags.length > 0 || search.tag) && (
          <Field label={t.tag}>
            <LongSelect
              empty={t.allTags}
              value={search.tag ?? ''}
              options={[...(search.tag && !known.includes(search.tag) ? [{ value: search.tag, title: search.tag }] : []), ...tags.map(([tag, count]) => ({ value: tag, title: `${tag} (${count})` }))]}
              onChange={(next) => filter({ tag: next })}
            />
          </Field>
        )}
        <Field label={t.sort}>
          <Select value={order} onChange={(_, data) => filter({ sort: data.value === 'newest' ? '' : data.value })}>
            {ORDERS.map((one) => <option key={one} value={one}>{t.orders[one]}</option>)}
          </Select>
        </Field>
        <span className="grow" />
        <span className="narrow-only"><Checkbox checked={picked.length > 0 && picked.length === shown.length} label={t.chooseAllShort} onChange={(_, data) => setChosen(new Set(data.checked === true ? shown.map((flow) => flow.id) : []))} /></span>
        <ToggleButton
          icon={<TextLineSpacingRegular />}
          checked={compact}
          onClick={() => {
            setCompact(!compact);
            window.localStorage.setItem(COMPACT_KEY, compact ? 'no' : 'yes');
          }}
        >
          {t.compact}
        </ToggleButton>
      </div>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <BulkBar flows={picked} known={known} onDone={fresh} onClear={() => setChosen(new Set())} />
      <Loaded query={flows}>
        {() =>
          shown.length === 0 && !wantsAll ? (
            search.q || search.state || search.tag ? (
              <Empty title={t.nothingFound} />
            ) : (
              <Empty title={t.emptyTitle} icon={<FlowRegular />} actions={<>{createButton}{templateButton}</>}>{t.emptyText}</Empty>
            )
          ) : (
            <div className="table-wrap" onKeyDown={moveBetweenRows}>
              <table className={compact ? 'table compact' : 'table'}>
                <thead>
                  <tr>
                    <th>
                      <div className="name">
                        <Checkbox
                          checked={picked.length === 0 ? false : picked.length === shown.length ? true : 'mixed'}
                          aria-label={t.chooseAll}
                          onChange={(_, data) => setChosen(new Set(data.checked === true ? shown.map((flow) => flow.id) : []))}
                        />
                        {t.name}
                      </div>
                    </th>
                    <th>{t.state}</th>
                    <th className="optional">{t.trigger}</th>
                    <th>{t.lastRun}</th>
                    <th className="optional">{t.recent}</th>
                    <th><span className="visually-hidden">{shared.more}</span></th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((flow) => (
                    <FlowRow
                      key={flow.id}
                      flow={flow}
                      chosen={chosen.has(flow.id)}
                      onChoose={(take) => setChosen((held) => new Set(take ? [...held, flow.id] : [...held].filter((id) => id !== flow.id)))}
                      onTag={(tag) => filter({ tag })}
                      onTags={() => setTagged(flow)}
                      onDelete={() => setDoomed(flow)}
                      onError={setError}
                    />
                  ))}
                </tbody>
              </table>
              {!wantsAll && <MorePages query={flows} />}
              {order !== 'newest' && hasNextPage && !wantsAll && <p className="quiet small more">{t.sortedAmong(loaded.length)}</p>}
            </div>
          )
        }
      </Loaded>
      {tagged && (
        <TagsDialog
          flows={[tagged]}
          known={known}
          onClose={() => setTagged(null)}
          onDone={() => {
            setTagged(null);
            fresh();
          }}
        />
      )}
      <Confirm
        open={doomed !== null}
        title={t.deleteTitle(doomed?.name ?? '')}
        action={shared.delete}
        onClose={() => setDoomed(null)}
        onConfirm={() => deleteFlow(doomed?.id ?? '').finally(fresh)}
      >
        <p>{t.deleteText}</p>
      </Confirm>
    </Page>
  );
}
