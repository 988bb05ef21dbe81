/** The wizard of a custom connector: parts that can be visited in any order, one button that saves. */
import { Badge, Button, MessageBar, MessageBarBody, Tab, TabList } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useBlocker, useNavigate, useParams } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState } from 'react';
import { addressOf, api, Problem } from '../../api/client';
import type { Connector, ConnectorSettings } from '../../api/types';
import { useText } from '../../shared/language';
import { Empty, Loaded, Page } from '../../shared/page';
import { DiagnosticList, ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { CodePart } from './CodePart';
import { Definition } from './Definition';
import { keepDraft, keptDraft, blankDraft, type Draft } from './draft';
import { General } from './General';
import { Security } from './Security';
import { TestPart } from './TestPart';
import { connectorsText } from './text';
import './connectors.css';

export const PARTS = ['general', 'security', 'definition', 'test', 'code'] as const;
type Part = (typeof PARTS)[number];

/** A part of the wizard gives the function that stores its changes; null when it has none. */
export type Saver = (() => Promise<unknown>) | null;

function partOf(pointer: string): Part {
  if (/^\/(security|securityDefinitions)/.test(pointer)) return 'security';
  if (/^\/(host|basePath|schemes|info|servers)/.test(pointer)) return 'general';
  return 'definition';
}

function Tabs({ part, onPart, counts }: { part: Part; onPart: (part: Part) => void; counts: Partial<Record<Part, number>> }) {
  const t = useText(connectorsText);
  return (
    <TabList selectedValue={part} onTabSelect={(_, data) => onPart(data.value as Part)} className="wizard-tabs">
      {PARTS.map((key) => (
        <Tab key={key} value={key}>
          {t.parts[key]} {counts[key] ? <Badge size="small" color="danger">{counts[key]}</Badge> : null}
        </Tab>
      ))}
    </TabList>
  );
}

function NewConnector({ part, onPart }: { part: Part; onPart: (part: Part) => void }) {
  const t = useText(connectorsText);
  const navigate = useNavigate();
  const client = useQueryClient();
  const [draft, setDraft] = useState<Draft>(keptDraft);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const change = (next: Draft) => {
    keepDraft(next);
    setDraft(next);
  };
  const create = async () => {
    setBusy(true);
    setError(null);
    try {
      if (draft.file) {
        await api.post('/api/connectors', { form: { file: draft.file, settings: draft.settings, ...(draft.icon ? { icon: draft.icon } : {}) } });
      } else {
        const made = await api.post('/api/connectors', { body: { document: null, settings: draft.settings } });
        if (draft.icon) await api.put('/api/connectors/{id}/icon', { path: { id: made.id }, file: draft.icon });
      }
      keepDraft(blankDraft());
      await client.invalidateQueries({ queryKey: ['connectors'] });
      await navigate({ to: '/connectors' });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const problems = draft.check?.diagnostics ?? [];
  const next = PARTS[PARTS.indexOf(part) + 1];
  return (
    <Page
      title={draft.settings.name || t.newTitle}
      actions={<Button appearance="primary" disabled={busy || !draft.settings.name || !draft.settings.host} onClick={() => void create()}>{t.createConnector}</Button>}
    >
      <Tabs part={part} onPart={onPart} counts={{}} />
      {draft.check && (
        <MessageBar intent={draft.check.valid ? 'success' : 'warning'} layout="multiline">
          <MessageBarBody>
            <strong>{draft.check.title}</strong> · <code>{draft.check.host}</code> · {t.found(draft.check.operations, draft.check.triggers.length)}
          </MessageBarBody>
        </MessageBar>
      )}
      {part === 'general' && (
        <General settings={draft.settings} icon={draft.icon} iconUrl={null} onSettings={(settings) => change({ ...draft, settings })} onIcon={(icon) => change({ ...draft, icon })} />
      )}
      {part === 'security' && (
        <Security
          value={draft.settings.authentication ?? { type: 'none' }}
          declared={draft.check?.authentication ?? []}
          onChange={(authentication) => change({ ...draft, settings: { ...draft.settings, authentication } })}
        />
      )}
      {part !== 'general' && part !== 'security' && <Empty title={t.createFirst} />}
      {problems.length > 0 && (
        <section className="panel"><h2>{t.problems}</h2><DiagnosticList diagnostics={problems} onOpen={(problem) => onPart(partOf(problem.pointer))} /></section>
      )}
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      <div className="commands">
        {part === 'general' && next && <Button onClick={() => onPart(next)}>{t.continue}</Button>}
        {part !== 'general' && <Button appearance="primary" disabled={busy || !draft.settings.name || !draft.settings.host} onClick={() => void create()}>{t.createConnector}</Button>}
      </div>
    </Page>
  );
}

function settingsOf(connector: Connector): ConnectorSettings {
  return {
    name: connector.name,
    description: connector.description,
    scheme: connector.scheme,
    host: connector.host,
    base_path: connector.base_path,
    ...(connector.color ? { color: connector.color } : {}),
    authentication: connector.authentication,
  };
}

function EditConnector({ connector, part, onPart }: { connector: Connector; part: Part; onPart: (part: Part) => void }) {
  const t = useText(connectorsText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const [settings, setSettings] = useState<ConnectorSettings>(() => settingsOf(connector));
  const [icon, setIcon] = useState<File | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [saved, setSaved] = useState(false);
  const [busy, setBusy] = useState(false);
  const [partDirty, setPartDirty] = useState(false);
  const saver = useRef<Saver>(null);
  const register = useCallback((save: Saver) => {
    saver.current = save;
    setPartDirty(save !== null);
  }, []);
  const settingsDirty = JSON.stringify(settings) !== JSON.stringify(settingsOf(connector)) || icon !== null;
  const dirty = settingsDirty || partDirty;
  useBlocker({
    shouldBlockFn: ({ next }) => dirty && !next.pathname.startsWith(`/connectors/${connector.id}/`) && !window.confirm(t.unsaved),
    enableBeforeUnload: () => dirty,
  });
  useEffect(() => {
    if (dirty) setSaved(false);
  }, [dirty]);
  const refresh = () => client.invalidateQueries({ queryKey: ['connectors'] });
  const update = async () => {
    setBusy(true);
    setError(null);
    try {
      if (saver.current) await saver.current();
      if (settingsDirty) {
        // The part that was just saved may have moved the version on.
        const now = partDirty ? await api.get('/api/connectors/{id}', { path: { id: connector.id } }) : connector;
        if (icon) await api.put('/api/connectors/{id}/icon', { path: { id: connector.id }, file: icon });
        const etag = icon ? (await api.get('/api/connectors/{id}', { path: { id: connector.id } })).etag : now.etag;
        const stored = await api.put('/api/connectors/{id}', { path: { id: connector.id }, body: { settings }, etag });
        setIcon(null);
        setSettings(settingsOf(stored));
      }
      await refresh();
      setSaved(true);
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const diagnostics = connector.diagnostics ?? [];
  const counts: Partial<Record<Part, number>> = {};
  for (const problem of diagnostics) {
    if (problem.severity === 'error') counts[partOf(problem.pointer)] = (counts[partOf(problem.pointer)] ?? 0) + 1;
  }
  const errors = diagnostics.filter((problem) => problem.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const conflict = error instanceof Problem && error.status === 412;
  const next = PARTS[PARTS.indexOf(part) + 1];
  return (
    <Page
      title={connector.name}
      actions={
        <>
          <Button as="a" href={addressOf('/api/connectors/{id}/export', { id: connector.id })}>{t.export}</Button>
          <Button appearance="primary" disabled={busy || !dirty} onClick={() => void update()}>{t.updateConnector}</Button>
        </>
      }
    >
      <Tabs part={part} onPart={onPart} counts={counts} />
      <div role="status">
        {saved && (
          <MessageBar intent={errors ? 'warning' : 'success'}>
            <MessageBarBody>{errors ? t.updatedWith(shared.errors(errors)) : warnings ? `${t.updated} ${shared.warnings(warnings)}.` : t.updated}</MessageBarBody>
          </MessageBar>
        )}
      </div>
      <ProblemBar error={error} onDismiss={() => setError(null)} />
      {conflict && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>{t.conflict} <Button size="small" onClick={() => void refresh().then(() => setError(null))}>{t.reload}</Button></MessageBarBody>
        </MessageBar>
      )}
      {part === 'general' && <General settings={settings} icon={icon} iconUrl={connector.icon_url} onSettings={setSettings} onIcon={setIcon} />}
      {part === 'security' && (
        <Security value={settings.authentication ?? { type: 'none' }} declared={[connector.authentication]} onChange={(authentication) => setSettings({ ...settings, authentication })} />
      )}
      {part === 'definition' && <Definition connector={connector} onSaver={register} />}
      {part === 'test' && <TestPart connector={connector} />}
      {part === 'code' && <CodePart connector={connector} onSaver={register} />}
      {diagnostics.length > 0 && part !== 'code' && (
        <section className="panel"><h2>{t.problems}</h2><DiagnosticList diagnostics={diagnostics} onOpen={(problem) => onPart(partOf(problem.pointer))} /></section>
      )}
      {next && part !== 'definition' && part !== 'test' && <div className="commands"><Button onClick={() => onPart(next)}>{t.continue}</Button></div>}
    </Page>
  );
}

export function WizardPage() {
  const { connector: id, part: given } = useParams({ strict: false }) as { connector: string; part: string };
  const part: Part = (PARTS as readonly string[]).includes(given) ? (given as Part) : 'general';
  const navigate = useNavigate();
  const onPart = (next: Part) => void navigate({ to: '/connectors/$connector/$part', params: { connector: id, part: next } });
  const connector = useQuery({
    queryKey: ['connectors', id],
    enabled: id !== 'new',
    queryFn: ({ signal }) => api.get('/api/connectors/{id}', { path: { id }, signal }),
  });
  if (id === 'new') return <NewConnector part={part} onPart={onPart} />;
  if (!connector.data) return <div className="page"><Loaded query={connector}>{() => null}</Loaded></div>;
  return <EditConnector key={connector.data.id} connector={connector.data} part={part} onPart={onPart} />;
}
