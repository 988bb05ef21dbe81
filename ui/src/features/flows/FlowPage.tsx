/** One flow: state, its webhook at the service, connections, versions. */
import { Badge, Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle, Switch } from '@fluentui/react-components';
import { EditRegular, HistoryRegular, PlayRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { addressOf, api } from '../../api/client';
import type { Flow, Json } from '../../api/types';
import { isObject, triggerOf, typeOf } from '../../flow-model/definition';
import { Ago, Confirm, CopyButton, Modal, Status } from '../../shared/bits';
import { deleteFlow, getFlow, renewAddress, retryWebhook, runFlow, turn } from '../../shared/flow-commands';
import { useLanguage, useText } from '../../shared/language';
import { Loaded, Page } from '../../shared/page';
import { DiagnosticList, ProblemBar } from '../../shared/ProblemBar';
import { firstBody, RunForm, type RunBody } from '../../shared/RunForm';
import { sharedText } from '../../shared/text';
import { WaitingFor } from '../../shared/WaitingFor';
import { inWords } from '../../shared/sentences';
import { Deliveries } from './Deliveries';
import { FirstCall } from './FirstCall';
import { flowsText } from './text';
import { OnFailure } from './OnFailure';
import { Versions } from './Versions';
import { WebhookCalls } from './WebhookCalls';
import { WebhookProof } from './WebhookProof';

function problemText(error: unknown): { message: string; hint?: string } {
  if (typeof error === 'string') return { message: error };
  const body = (error ?? {}) as { message?: string; detail?: string; hint?: string };
  return { message: body.message ?? body.detail ?? '', ...(body.hint ? { hint: body.hint } : {}) };
}

function WebhookPanel({ flow, onRetry, onRenew }: { flow: Flow; onRetry: () => void; onRenew: () => void }) {
  const t = useText(flowsText);
  const { language } = useLanguage();
  const webhook = flow.webhook;
  // A request trigger is called by whom its maker tells; nothing is registered at a service.
  const isOwn = typeOf(triggerOf(flow.definition ?? {})?.trigger) === 'Request';
  const failed = webhook && /fail/i.test(webhook.state);
  const told = problemText(webhook?.error);
  const connection = Object.values(flow.connections ?? {})[0]?.connection_id;
  return (
    <section className="panel stack">
      <h2>{isOwn ? t.ownAddress : t.webhook}</h2>
      <WaitingFor services={flow.waiting_for} />
      {(failed || told.message !== '') && (
        <MessageBar intent="error" layout="multiline">
          <MessageBarBody>
            {failed && <MessageBarTitle>{t.webhookFailed}</MessageBarTitle>} {inWords(told.message, language)}
            {told.hint && <p className="quiet">{inWords(told.hint, language)}</p>}
          </MessageBarBody>
          <MessageBarActions>
            {failed && <Button onClick={onRetry}>{t.retryWebhook}</Button>}
            {connection && <Link to="/connections/$connection" params={{ connection }}>{t.repair}</Link>}
          </MessageBarActions>
        </MessageBar>
      )}
      {webhook?.proof && <WebhookProof flow={flow} proof={webhook.proof} isOwn={isOwn} />}
      {webhook?.warning && (
        <MessageBar intent="warning" layout="multiline"><MessageBarBody>{inWords(webhook.warning, language)}</MessageBarBody></MessageBar>
      )}
      {!webhook ? (
        <p className="quiet">{t.webhookNone}</p>
      ) : (
        <dl className="facts">
          <dt>{t.state}</dt>
          <dd><Badge appearance="tint" color={failed ? 'danger' : /live/i.test(webhook.state) ? 'success' : 'informative'}>{t.webhookStates[webhook.state] ?? webhook.state}</Badge></dd>
          {webhook.location && (<><dt>{t.location}</dt><dd><code>{webhook.location}</code> <CopyButton text={webhook.location} /></dd></>)}
          {webhook.callback_url && (<><dt>{isOwn ? t.ownAddress : t.callback}</dt><dd><code>{webhook.callback_url}</code> <CopyButton text={webhook.callback_url} /></dd></>)}
          {webhook.retry_at && (<><dt>{t.nextTry}</dt><dd><Ago time={webhook.retry_at} /></dd></>)}
          {webhook.expires_at && (<><dt>{t.expires}</dt><dd><Ago time={webhook.expires_at} /> <span className="quiet small">{t.renewsItself}</span></dd></>)}
          {webhook.created_at && (<><dt>{t.created}</dt><dd><Ago time={webhook.created_at} /></dd></>)}
          <dt>{isOwn ? t.lastRequest : t.lastNotification}</dt>
          <dd><Ago time={webhook.last_notification_at} /></dd>
        </dl>
      )}
      {!isOwn && <WebhookCalls flow={flow} />}
      {webhook && flow.state === 'on' && <div className="commands"><Button onClick={onRenew}>{t.renewAddress}</Button></div>}
    </section>
  );
}

/** Whether services or callers have an address of the flow. */
const isCalled = (flow: Flow): boolean => Boolean(flow.webhook);

function RunDialog({ flow, onClose }: { flow: Flow; onClose: () => void }) {
  const t = useText(flowsText);
  const navigate = useNavigate();
  const last = useQuery({
    queryKey: ['flows', flow.id, 'last-event'],
    queryFn: async ({ signal }) => {
      const [newest] = (await api.get('/api/flows/{id}/events', { path: { id: flow.id }, query: { limit: 1 }, signal })).items;
      return newest ? await api.get('/api/flows/{id}/events/{event}', { path: { id: flow.id, event: newest.id }, signal }) : null;
    },
    staleTime: 0,
  });
  const inputs = triggerOf(flow.definition ?? {})?.trigger['inputs'];
  const schema = isObject(inputs) ? inputs['schema'] : undefined;
  const before = (last.data?.body ?? undefined) as Json | undefined;
  const [told, setTold] = useState<RunBody | null>(null);
  const body = told ?? firstBody(schema, before);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const start = async () => {
    if (!('body' in body)) return;
    setBusy(true);
    setError(null);
    try {
      const { run } = await runFlow(flow.id, body.body);
      await navigate({ to: '/flows/$flow/runs/$run', params: { flow: flow.id, run } });
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Modal open title={t.runTitle(flow.name)} onClose={onClose} actions={<Button appearance="primary" disabled={busy || !('body' in body) || last.isPending} onClick={() => void start()}>{t.run}</Button>}>
      <Loaded query={last} rows={3}>{() => <RunForm schema={schema} last={before} onChange={setTold} />}</Loaded>
      {'missing' in body && body.missing && <p className="quiet small" role="status">{body.missing}</p>}
      <ProblemBar error={error} />
    </Modal>
  );
}

export function FlowPage() {
  const t = useText(flowsText);
  const shared = useText(sharedText);
  const { flow: id } = useParams({ strict: false }) as { flow: string };
  const client = useQueryClient();
  const navigate = useNavigate();
  const flow = useQuery({ queryKey: ['flows', id], queryFn: ({ signal }) => getFlow(id, signal) });
  const connections = useQuery({ queryKey: ['connections', 'names'], queryFn: ({ signal }) => api.get('/api/connections', { query: { limit: 200 }, signal }) });
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [renewing, setRenewing] = useState(false);
  const asked = (useSearch({ strict: false }) as { run?: string }).run === 'now';
  const [running, setRunning] = useState(asked);
  const act = (what: () => Promise<unknown>) => {
    setBusy(true);
    setError(null);
    what()
      .catch(setError)
      .finally(() => {
        setBusy(false);
        void client.invalidateQueries({ queryKey: ['flows'] });
      });
  };
  const nameOf = (connection: string | null) => connections.data?.items.find((item) => item.id === connection)?.name ?? connection;
  return (
    <Page
      title={flow.data?.name ?? t.details}
      actions={
        <>
          <Button appearance="primary" icon={<EditRegular />} onClick={() => void navigate({ to: '/flows/$flow/edit', params: { flow: id } })}>{t.edit}</Button>
          <Button icon={<HistoryRegular />} onClick={() => void navigate({ to: '/flows/$flow/runs', params: { flow: id } })}>{t.runHistory}</Button>
          <Button icon={<PlayRegular />} onClick={() => setRunning(true)}>{t.run}</Button>
          <Button onClick={() => window.location.assign(addressOf('/api/flows/{id}/export', { id }))}>{t.export}</Button>
          <Button onClick={() => setDeleting(true)}>{shared.delete}</Button>
        </>
      }
    >
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <Loaded query={flow}>
        {(data) => (
          <>
            {running && <RunDialog flow={data} onClose={() => setRunning(false)} />}
            <section className="panel">
              <dl className="facts">
                <dt>{t.state}</dt>
                <dd>
                  <Switch checked={data.state === 'on'} disabled={busy} label={shared.state[data.state]} onChange={(_, change) => act(() => turn(id, change.checked ? 'on' : 'off'))} />
                </dd>
                <dt>{t.trigger}</dt>
                <dd>{data.trigger?.summary ?? data.trigger?.name ?? '–'}</dd>
                <dt>{t.lastRun}</dt>
                <dd>
                  {data.last_run ? (
                    <Link to="/flows/$flow/runs/$run" params={{ flow: id, run: data.last_run.id }} className="outcome-link">
                      <Status status={data.last_run.status} /> <Ago time={data.last_run.started_at} />
                    </Link>
                  ) : (
                    '–'
                  )}
                </dd>
                <dt>{t.updated}</dt>
                <dd><Ago time={data.updated_at} /> · {t.version} {data.version}</dd>
              </dl>
            </section>
            {data.diagnostics && data.diagnostics.length > 0 && (
              <section className="panel">
                <h2>{t.problems}</h2>
                <DiagnosticList diagnostics={data.diagnostics} />
              </section>
            )}
            <WebhookPanel flow={data} onRetry={() => act(() => retryWebhook(id))} onRenew={() => setRenewing(true)} />
            {isCalled(data) && typeOf(triggerOf(data.definition ?? {})?.trigger) === 'Request' && <FirstCall flow={data} />}
            {isCalled(data) && <Deliveries flow={id} />}
            <section className="panel">
              <h2>{t.connections}</h2>
              {Object.keys(data.connections ?? {}).length === 0 ? (
                <p className="quiet">{t.noConnections}</p>
              ) : (
                <ul>
                  {Object.entries(data.connections).map(([key, binding]) => (
                    <li key={key}>
                      {binding.connection_id ? <Link to="/connections/$connection" params={{ connection: binding.connection_id }}>{nameOf(binding.connection_id)}</Link> : '–'}{' '}
                      <span className="quiet small">{key}</span>
                    </li>
                  ))}
                </ul>
              )}
            </section>
            <OnFailure flow={id} />
            <Versions flow={id} current={data.version} />
          </>
        )}
      </Loaded>
      <Confirm
        open={deleting}
        title={t.deleteTitle(flow.data?.name ?? '')}
        action={shared.delete}
        onClose={() => setDeleting(false)}
        onConfirm={() => deleteFlow(id).then(() => navigate({ to: '/flows' }))}
      >
        <p>{t.deleteText}</p>
      </Confirm>
      <Confirm
        open={renewing}
        title={t.renewQuestion}
        action={t.renewAddress}
        onClose={() => setRenewing(false)}
        onConfirm={() =>
          renewAddress(id).then(() => {
            setRenewing(false);
            return client.invalidateQueries({ queryKey: ['flows'] });
          })
        }
      >
        <p>{t.renewMeaning}</p>
      </Confirm>
    </Page>
  );
}
