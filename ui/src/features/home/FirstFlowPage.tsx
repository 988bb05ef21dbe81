/** The first flow, one step after the other: a service's connector, its connection, the flow, and the phone. */
import { Button, Field, Spinner } from '@fluentui/react-components';
import { AddRegular, AlertRegular, ArrowUploadRegular, CheckmarkRegular, EditRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useState, type ReactNode } from 'react';
import { api } from '../../api/client';
import type { Connector } from '../../api/types';
import { CopyButton } from '../../shared/bits';
import { ConnectionForm } from '../../shared/ConnectionForm';
import { getFlow } from '../../shared/flow-commands';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { GoTo, Page } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { template } from '../../flow-model/templates';
import { homeText } from './text';
import './first-flow.css';

const WAYS = ['github', 'file', 'generic'] as const;
type Way = (typeof WAYS)[number];

/** Where GitHub makes a token that may manage webhooks. */
const GITHUB_TOKEN_PAGE = 'https://github.com/settings/tokens/new?scopes=admin:repo_hook,repo&description=Hookmill';

/** What was done so far stands in the address: a reload or a link goes on from there. */
interface Progress {
  connector?: string;
  connection?: string;
  flow?: string;
}

function useProgress(way: Way): [Progress, (more: Progress) => void] {
  const search = useSearch({ strict: false }) as Progress;
  const navigate = useNavigate();
  return [search, (more) => void navigate({ to: '/first-flow/$way', params: { way }, search: { ...search, ...more } as Record<string, string>, replace: true })];
}

function Step({ number, title, state, said, children }: { number: number; title: string; state: 'done' | 'now' | 'later'; said?: ReactNode; children: ReactNode }) {
  const t = useText(homeText);
  return (
    <li className="guide-step" data-state={state} {...(state === 'now' ? { 'aria-current': 'step' as const } : {})}>
      <span className="guide-number" aria-hidden="true">{state === 'done' ? <CheckmarkRegular /> : number}</span>
      <div className="stack tight">
        <h2>{title} {state === 'done' && <span className="visually-hidden">{t.stepDone}</span>}</h2>
        {state === 'done' && said && <p className="quiet">{said}</p>}
        {state === 'now' && children}
      </div>
    </li>
  );
}

/** How long one waits before something must be wrong. */
const PATIENCE_MS = 60_000;

/** Waits for the first request; when none comes, says where to look. */
function Waiting() {
  const t = useText(homeText);
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return <Spinner size="tiny" label={t.waiting} labelPosition="after" className="guide-waiting" />;
  return <p>{t.nothingCame} <Link to="/settings/$part" params={{ part: 'server' }}>{t.publicUrl}</Link></p>;
}

function PhoneStep({ number, state }: { number: number; state: 'now' | 'later' }) {
  const t = useText(homeText);
  const navigate = useNavigate();
  return (
    <Step number={number} title={t.phoneStep} state={state}>
      <p className="quiet">{t.phoneText}</p>
      <div className="commands"><Button icon={<AlertRegular />} onClick={() => void navigate({ to: '/notifications' })}>{t.phoneOpen}</Button></div>
    </Step>
  );
}

function ConnectorStep({ way, connector, onConnector, onError }: { way: Way; connector: Connector | undefined; onConnector: (id: string) => void; onError: (error: unknown) => void }) {
  const t = useText(homeText);
  const client = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const own = useQuery({ queryKey: ['connectors', 'all'], queryFn: ({ signal }) => api.get('/api/connectors', { query: { limit: 200 }, signal }) });
  const add = () => {
    setBusy(true);
    onError(null);
    api
      .post('/api/connectors', { body: { prebuilt: 'github' } })
      .then((made) => {
        void client.invalidateQueries({ queryKey: ['connectors'] });
        onConnector(made.id);
      })
      .catch(onError)
      .finally(() => setBusy(false));
  };
  const isGithub = way === 'github';
  const known = (own.data?.items ?? []).filter((item) => item.triggers_count > 0 && (!isGithub || /(^|\.)github\.com$/.test(item.host)));
  return (
    <Step number={1} title={isGithub ? t.githubStep : t.fileStep} state={connector ? 'done' : 'now'} said={connector && t.connectorDone(connector.name, connector.triggers_count)}>
      <p className="quiet">{isGithub ? t.githubStepText : t.fileStepText}</p>
      <div className="commands">
        {isGithub ? (
          <Button appearance="primary" icon={<AddRegular />} disabled={busy} onClick={add}>{t.addGithub}</Button>
        ) : (
          <Button appearance="primary" icon={<ArrowUploadRegular />} onClick={() => void navigate({ to: '/connectors', search: { create: 'import' } })}>{t.importFile}</Button>
        )}
      </div>
      {known.length > 0 && (
        <Field label={t.useOwn}>
          <LongSelect value="" empty="" options={known.map((item) => ({ value: item.id, title: item.name }))} onChange={(id) => id && onConnector(id)} />
        </Field>
      )}
    </Step>
  );
}

function ConnectionStep({ way, connector, connection, onConnection }: { way: Way; connector: Connector | undefined; connection: string | undefined; onConnection: (id: string) => void }) {
  const t = useText(homeText);
  const own = useQuery({
    queryKey: ['connections', 'of', connector?.id],
    enabled: !!connector,
    queryFn: ({ signal }) => api.get('/api/connections', { query: { connector: connector?.id, limit: 200 }, signal }),
  });
  const items = own.data?.items ?? [];
  const chosen = items.find((item) => item.id === connection);
  return (
    <Step number={2} title={t.connectStep} state={chosen ? 'done' : connector ? 'now' : 'later'} said={chosen && t.connectedAs(chosen.name)}>
      {way === 'github' && (
        <p className="quiet">
          {t.githubToken} <a href={GITHUB_TOKEN_PAGE} target="_blank" rel="noopener noreferrer">{t.githubTokenLink}</a>
        </p>
      )}
      {items.length > 0 && (
        <Field label={t.useConnection}>
          <LongSelect value="" empty="" options={items.map((item) => ({ value: item.id, title: item.name }))} onChange={(id) => id && onConnection(id)} />
        </Field>
      )}
      {connector && <ConnectionForm connector={connector} onDone={(made) => onConnection(made.id)} />}
    </Step>
  );
}

/** With a service that has a connector: Hookmill makes the webhook there. */
function ServiceGuide({ way }: { way: 'github' | 'file' }) {
  const t = useText(homeText);
  const navigate = useNavigate();
  const [progress, go] = useProgress(way);
  const [error, setError] = useState<unknown>(null);
  const [trigger, setTrigger] = useState('');
  const connector = useQuery({
    queryKey: ['connectors', progress.connector],
    enabled: !!progress.connector,
    queryFn: ({ signal }) => api.get('/api/connectors/{id}', { path: { id: progress.connector ?? '' }, signal }),
    retry: false,
  });
  const found = progress.connector ? connector.data : undefined;
  const triggers = (found?.operations ?? []).filter((operation) => operation.role === 'trigger' && operation.visibility !== 'internal');
  const chosen = trigger || (triggers[0]?.operation_id ?? '');
  const draw = () => void navigate({ to: '/flows/new', search: { template: 'notify', connector: found?.id ?? '', connection: progress.connection ?? '', operation: chosen } });
  const ready = !!found && !!progress.connection;
  return (
    <>
      <ProblemBar error={error ?? connector.error} onDismiss={() => setError(null)} />
      <ol className="guide">
        <ConnectorStep way={way} connector={found} onConnector={(id) => go({ connector: id })} onError={setError} />
        <ConnectionStep way={way} connector={found} connection={progress.connection} onConnection={(id) => go({ connection: id })} />
        <Step number={3} title={t.drawStep} state={ready ? 'now' : 'later'}>
          <p className="quiet">{t.drawText}</p>
          <Field label={t.startsWhen}>
            <LongSelect value={chosen} options={triggers.map((operation) => ({ value: operation.operation_id, title: operation.summary || operation.operation_id }))} onChange={setTrigger} />
          </Field>
          <div className="commands"><Button appearance="primary" icon={<EditRegular />} disabled={!chosen} onClick={draw}>{t.draw}</Button></div>
        </Step>
        <PhoneStep number={4} state={ready ? 'now' : 'later'} />
      </ol>
    </>
  );
}

/** With whatever can send a request: the flow has an address of its own. */
function AddressGuide() {
  const t = useText(homeText);
  const client = useQueryClient();
  const [progress, go] = useProgress('generic');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const id = progress.flow ?? '';
  const flow = useQuery({ queryKey: ['flows', id], enabled: id !== '', queryFn: ({ signal }) => getFlow(id, signal), retry: false });
  const runs = useQuery({ queryKey: ['runs', id, 'first'], enabled: id !== '', queryFn: ({ signal }) => api.get('/api/runs', { query: { flow: id, kind: 'flow', limit: 1 }, signal }) });
  const create = () => {
    setBusy(true);
    setError(null);
    api
      .post('/api/flows', { body: { name: t.genericName, definition: template('push'), connections: {}, profile: 'pa', state: 'on' } })
      .then((made) => {
        void client.invalidateQueries({ queryKey: ['flows'] });
        go({ flow: made.id });
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const address = id ? flow.data?.webhook?.callback_url : undefined;
  const run = runs.data?.items[0];
  const command = `curl -H 'content-type: application/json' -d '{"hello": "world"}' '${address ?? ''}'`;
  return (
    <>
      <ProblemBar error={error ?? flow.error ?? runs.error} onDismiss={() => setError(null)} />
      <ol className="guide">
        <Step number={1} title={t.addressStep} state={address ? 'done' : 'now'} said={flow.data && <Link to="/flows/$flow" params={{ flow: id }}>{flow.data.name}</Link>}>
          <p className="quiet">{t.addressText}</p>
          <div className="commands"><Button appearance="primary" icon={<AddRegular />} disabled={busy} onClick={create}>{t.createFlow}</Button></div>
        </Step>
        <Step number={2} title={t.sendStep} state={run ? 'done' : address ? 'now' : 'later'} said={run && <Link to="/flows/$flow/runs/$run" params={{ flow: id, run: run.id }}>{t.openRun}</Link>}>
          <p className="quiet">{t.sendText}</p>
          <p className="guide-code"><code>{address}</code> <CopyButton text={address ?? ''} /></p>
          <p className="quiet">{t.sendCurl}</p>
          <p className="guide-code"><code>{command}</code> <CopyButton text={command} label={t.copyCommand} /></p>
          <div role="status"><Waiting key={address} /></div>
        </Step>
        <PhoneStep number={3} state={run ? 'now' : 'later'} />
      </ol>
    </>
  );
}

export function FirstFlowPage() {
  const t = useText(homeText);
  const { way: given } = useParams({ strict: false }) as { way: string };
  const way = WAYS.find((known) => known === given);
  if (!way) return <GoTo href="/" />;
  return (
    <Page title={t.start} narrow>
      <p className="quiet">{t.guides[way]}</p>
      {way === 'generic' ? <AddressGuide /> : <ServiceGuide way={way} />}
    </Page>
  );
}
