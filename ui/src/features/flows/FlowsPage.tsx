/** My flows: state, trigger, last run, and everything that can be done with a flow. */
import {
  Button,
  Field,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  Select,
  Switch,
  Tooltip,
} from '@fluentui/react-components';
import { AddRegular, ArrowImportRegular, ChevronDownRegular, EditRegular, FlowRegular, InfoRegular, MoreHorizontalRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { addressOf, api } from '../../api/client';
import type { FlowListed, FlowState } from '../../api/types';
import { Ago, Confirm, Modal, Sparkline, Status } from '../../shared/bits';
import { StepIcon } from '../../shared/canvas/StepIcon';
import { deleteFlow, duplicate, IMPORTED_KEY, turn } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { MorePages, moveBetweenRows, Search, usePages } from '../../shared/list';
import { Empty, Loaded, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { flowsText } from './text';

function ImportDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useText(flowsText);
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const choose = (file: File | undefined) => {
    if (!file) return;
    setError(null);
    api.post('/api/flows/import', { form: { file } })
      .then((imported) => {
        window.sessionStorage.setItem(IMPORTED_KEY, JSON.stringify(imported));
        return navigate({ to: '/flows/new', search: { template: 'imported' } });
      })
      .catch(setError);
  };
  return (
    <Modal open={open} title={t.importTitle} onClose={onClose}>
      <p>{t.importText}</p>
      <Field label={t.importFile}>
        <input type="file" accept=".zip,.json" aria-label={t.importFile} onChange={(event) => choose(event.target.files?.[0])} />
      </Field>
      <ProblemBar error={error} />
    </Modal>
  );
}

function FlowRow({ flow, onDelete, onError }: { flow: FlowListed; onDelete: () => void; onError: (error: unknown) => void }) {
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
          <StepIcon step={flow.trigger ? { type: flow.trigger.type } : null} kind="trigger" />
          <Link to="/flows/$flow" params={{ flow: flow.id }} data-row>
            {flow.name}
          </Link>
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
              <MenuItem onClick={() => act(() => duplicate(flow.id))}>{t.duplicate}</MenuItem>
              <MenuItem onClick={() => window.location.assign(addressOf('/api/flows/{id}/export', { id: flow.id }))}>{t.export}</MenuItem>
              <MenuItem onClick={onDelete}>{shared.delete}</MenuItem>
            </MenuList>
          </MenuPopover>
        </Menu>
      </td>
    </tr>
  );
}

export function FlowsPage() {
  const t = useText(flowsText);
  const shared = useText(sharedText);
  const search = useSearch({ strict: false }) as { q?: string; state?: FlowState; import?: string };
  const navigate = useNavigate();
  const client = useQueryClient();
  const [doomed, setDoomed] = useState<FlowListed | null>(null);
  const [importing, setImporting] = useState(search.import === 'true');
  const [error, setError] = useState<unknown>(null);
  const flows = usePages(['flows', 'list'], '/api/flows', { q: search.q, state: search.state });
  const filter = (change: { q?: string; state?: string }) => void navigate({ to: '/flows', search: { ...(search as Record<string, string>), ...change }, replace: true });
  const create = (template?: string) => void navigate({ to: '/flows/new', search: template ? { template } : {} });
  const createButton = (
    <Button appearance="primary" icon={<AddRegular />} onClick={() => create()}>
      {t.create}
    </Button>
  );
  return (
    <Page
      title={t.title}
      actions={
        <>
          {createButton}
          <Menu>
            <MenuTrigger disableButtonEnhancement>
              <Button icon={<ChevronDownRegular />} iconPosition="after">{t.template}</Button>
            </MenuTrigger>
            <MenuPopover>
              <MenuList>
                <MenuItem subText={t.templatePushText} onClick={() => create('push')}>{t.templatePush}</MenuItem>
                <MenuItem subText={t.templateConditionText} onClick={() => create('condition')}>{t.templateCondition}</MenuItem>
                <MenuItem subText={t.templateScheduleText} onClick={() => create('schedule')}>{t.templateSchedule}</MenuItem>
              </MenuList>
            </MenuPopover>
          </Menu>
          <Button icon={<ArrowImportRegular />} onClick={() => setImporting(true)}>{t.import}</Button>
        </>
      }
    >
      <div className="row">
        <Search value={search.q ?? ''} onSearch={(q) => filter({ q })} label={t.search} />
        <Select value={search.state ?? ''} aria-label={t.state} onChange={(_, data) => filter({ state: data.value })}>
          <option value="">{t.allStates}</option>
          {['on', 'off', 'draft'].map((state) => (
            <option key={state} value={state}>{shared.state[state]}</option>
          ))}
        </Select>
      </div>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <Loaded query={flows}>
        {(items) =>
          items.length === 0 ? (
            search.q || search.state ? (
              <Empty title={t.nothingFound} />
            ) : (
              <Empty title={t.emptyTitle} icon={<FlowRegular />} actions={createButton}>{t.emptyText}</Empty>
            )
          ) : (
            <div className="table-wrap" onKeyDown={moveBetweenRows}>
              <table className="table">
                <thead>
                  <tr>
                    <th>{t.name}</th>
                    <th>{t.state}</th>
                    <th className="optional">{t.trigger}</th>
                    <th>{t.lastRun}</th>
                    <th className="optional">{t.recent}</th>
                    <th><span className="visually-hidden">{shared.more}</span></th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((flow) => (
                    <FlowRow key={flow.id} flow={flow} onDelete={() => setDoomed(flow)} onError={setError} />
                  ))}
                </tbody>
              </table>
              <MorePages query={flows} />
            </div>
          )
        }
      </Loaded>
      <Confirm
        open={doomed !== null}
        title={t.deleteTitle(doomed?.name ?? '')}
        action={shared.delete}
        onClose={() => setDoomed(null)}
        onConfirm={() => deleteFlow(doomed?.id ?? '').finally(() => client.invalidateQueries({ queryKey: ['flows'] }))}
      >
        <p>{t.deleteText}</p>
      </Confirm>
      <ImportDialog open={importing} onClose={() => setImporting(false)} />
    </Page>
  );
}
