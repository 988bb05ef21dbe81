/** The wizard of a connector that the server has: parts that can be visited in any order, one button that saves. */
import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { useBlocker } from '@tanstack/react-router';
import { useState } from 'react';
import { addressOf, api, Problem } from '../../api/client';
import type { Connector, ConnectorSettings, Diagnostic, FlowBreakView } from '../../api/types';
import { useText } from '../../shared/language';
import { Page } from '../../shared/page';
import { DiagnosticList, ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { Breaks } from './Breaks';
import { CodePart } from './CodePart';
import { Definition } from './Definition';
import { General } from './General';
import { countsOf, PARTS, placeOf, type Part, type Place } from './places';
import { NOTHING_UNSAVED } from './saver';
import { Security } from './Security';
import { TestPart } from './TestPart';
import { galleryText } from './gallery-text';
import { connectorsText } from './text';
import { Problems, Tabs } from './wizard-parts';

function settingsOf(connector: Connector): ConnectorSettings {
  return {
    name: connector.name,
    description: connector.description,
    scheme: connector.scheme,
    host: connector.host,
    base_path: connector.base_path,
    ...(connector.color ? { color: connector.color } : {}),
    authentication: connector.authentication,
    ...(connector.without_script.length > 0 ? { without_script: connector.without_script } : {}),
  };
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** `isCreated`: it was created a moment ago, which the page says. */
export function EditConnector({ connector, part, at, isCreated = false, onPart }: { connector: Connector; part: Part; at: string | null; isCreated?: boolean; onPart: (part: Part, at?: string) => void }) {
  const t = useText(connectorsText);
  const g = useText(galleryText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  /** The version that the changes here are based on. */
  const [base, setBase] = useState(connector);
  const [settings, setSettings] = useState<ConnectorSettings>(() => settingsOf(connector));
  const [clientSecret, setClientSecret] = useState('');
  const [icon, setIcon] = useState<File | null>(null);
  const [unsaved, setUnsaved] = useState(NOTHING_UNSAVED);
  const [error, setError] = useState<unknown>(null);
  const [saved, setSaved] = useState(false);
  const [busy, setBusy] = useState(false);
  /** What the change breaks in flows, until it is saved all the same. */
  const [breaks, setBreaks] = useState<FlowBreakView[]>([]);
  /** Counts up where all parts are to show what the server has. */
  const [round, setRound] = useState(0);
  const [place, setPlace] = useState<Place | null>(() => (at === null ? null : placeOf({ pointer: at, code: '' }, connector.operations)));
  const [visited, setVisited] = useState(part === 'definition');
  if (part === 'definition' && !visited) setVisited(true);
  if (part === 'code' && visited) setVisited(false);
  const settingsDirty = !same(settings, settingsOf(base)) || icon !== null || clientSecret !== '';
  const dirty = settingsDirty || unsaved.dirty;
  // While something is typed here, a change of somebody else must not pass for what it is based on.
  if (!dirty && base.etag !== connector.etag) {
    setBase(connector);
    setSettings(settingsOf(connector));
  }
  useBlocker({
    shouldBlockFn: ({ current, next }) => {
      const below = `/connectors/${connector.id}/`;
      const leavesEditor = unsaved.dirty && next.pathname !== current.pathname && (current.pathname === `${below}code` || next.pathname === `${below}code`);
      return (leavesEditor || (dirty && !next.pathname.startsWith(below))) && !window.confirm(t.leaveUnsaved);
    },
    enableBeforeUnload: () => dirty,
  });
  const refresh = () => client.invalidateQueries({ queryKey: ['connectors'] });
  /** Asks first what the change breaks; where it breaks nothing, it is saved. */
  const updateSafely = async (version: Connector) => {
    setBusy(true);
    setError(null);
    setBreaks([]);
    try {
      const typed = same(settings, settingsOf(base)) ? {} : { settings };
      const change = { ...(unsaved.save && unsaved.change ? unsaved.change() : {}), ...typed };
      const found = Object.keys(change).length === 0 ? [] : (await api.post('/api/connectors/{id}/changes', { path: { id: connector.id }, body: change })).items;
      setBreaks(found);
      if (found.length > 0) {
        setBusy(false);
        return;
      }
    } catch {
      // What is wrong with the change is said where it is saved.
    }
    await update(version);
  };
  const update = async (version: Connector, accept = false) => {
    setBusy(true);
    setError(null);
    setBreaks([]);
    let now = version;
    let done = false;
    let typed = !same(settings, settingsOf(base)) || clientSecret !== '';
    setSaved(false);
    try {
      if (unsaved.save) now = await unsaved.save(now.etag, accept);
      if (icon) {
        await api.put('/api/connectors/{id}/icon', { path: { id: connector.id }, file: icon, etag: now.etag });
        setIcon(null);
        now = await api.get('/api/connectors/{id}', { path: { id: connector.id } });
      }
      if (typed) {
        now = await api.put('/api/connectors/{id}', { path: { id: connector.id }, query: { accept_breaks: accept }, body: { settings, ...(clientSecret ? { client_secret: clientSecret } : {}) }, etag: now.etag });
        setClientSecret('');
        typed = false;
      }
      done = true;
    } catch (problem) {
      setError(problem);
    } finally {
      // Also where only a part of it was stored.
      if (now !== version) {
        setBase(now);
        if (!typed) setSettings(settingsOf(now));
      }
      await refresh();
      setSaved(done);
      setBusy(false);
    }
  };
  const keepMine = async () => {
    try {
      const now = await api.get('/api/connectors/{id}', { path: { id: connector.id } });
      await update(now);
    } catch (problem) {
      setError(problem);
    }
  };
  const takeTheirs = async () => {
    try {
      const now = await api.get('/api/connectors/{id}', { path: { id: connector.id } });
      await refresh();
      setBase(now);
      setSettings(settingsOf(now));
      setIcon(null);
      setClientSecret('');
      setRound(round + 1);
      setError(null);
      setSaved(false);
    } catch (problem) {
      setError(problem);
    }
  };
  const open = (problem: Diagnostic) => {
    const next = placeOf(problem, connector.operations);
    if (unsaved.dirty && next.part === 'definition' && !window.confirm(t.leaveUnsaved)) return;
    setPlace(next);
    onPart(next.part, problem.pointer);
  };
  const { diagnostics } = connector;
  const errors = diagnostics.filter((problem) => problem.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const conflict = error instanceof Problem && error.status === 412;
  /** Found by the server where it could not be asked before. */
  const refused = error instanceof Problem && error.body.code === 'connector_breaks_flows' ? (error.body.diagnostics ?? []) : null;
  const next = PARTS[PARTS.indexOf(part) + 1];
  const cannotSave = unsaved.dirty && unsaved.save === null;
  return (
    <Page
      title={connector.name}
      actions={
        <>
          <Button as="a" href={addressOf('/api/connectors/{id}/export', { id: connector.id })}>{t.export}</Button>
          <Button appearance="primary" disabled={busy || !dirty || cannotSave} onClick={() => void updateSafely(base)}>{t.updateConnector}</Button>
        </>
      }
    >
      <Tabs part={part} onPart={onPart} counts={countsOf(diagnostics, connector.operations)} />
      <div role="status">
        {isCreated && !saved && !dirty && <MessageBar intent="success"><MessageBarBody>{t.createdNow}</MessageBarBody></MessageBar>}
        {saved && !dirty && (
          <MessageBar intent={errors ? 'warning' : 'success'}>
            <MessageBarBody>{errors ? t.updatedWith(shared.errors(errors)) : warnings ? `${t.updated} ${shared.warnings(warnings)}.` : t.updated}</MessageBarBody>
          </MessageBar>
        )}
      </div>
      {breaks.length > 0 && (
        <Breaks breaks={breaks}>
          <MessageBarActions>
            <Button disabled={busy} onClick={() => void update(base, true)}>{g.saveAnyway}</Button>
            <Button onClick={() => setBreaks([])}>{shared.cancel}</Button>
          </MessageBarActions>
        </Breaks>
      )}
      {refused ? (
        <MessageBar intent="warning" layout="multiline" role="alert">
          <MessageBarBody><MessageBarTitle>{g.breaksTitle}</MessageBarTitle> {g.breaksText}<DiagnosticList diagnostics={refused} /></MessageBarBody>
          <MessageBarActions>
            <Button disabled={busy} onClick={() => void update(base, true)}>{g.saveAnyway}</Button>
            <Button onClick={() => setError(null)}>{shared.cancel}</Button>
          </MessageBarActions>
        </MessageBar>
      ) : conflict ? (
        <MessageBar intent="warning" layout="multiline" role="alert">
          <MessageBarBody><MessageBarTitle>{t.conflictTitle}</MessageBarTitle> {t.conflict}</MessageBarBody>
          <MessageBarActions>
            <Button disabled={busy} onClick={() => void keepMine()}>{t.keepMine}</Button>
            <Button disabled={busy} onClick={() => void takeTheirs()}>{t.takeTheirs}</Button>
          </MessageBarActions>
        </MessageBar>
      ) : (
        <ProblemBar error={error} onDismiss={() => setError(null)} onOpenDiagnostic={(problem) => setPlace({ part: 'code', pointer: problem.pointer })} />
      )}
      {part === 'general' && (
        <General key={round} settings={settings} scripted={connector.scripted} icon={icon} iconUrl={connector.icon_url} at={place?.part === 'general' ? place : null} onSettings={setSettings} onIcon={setIcon} />
      )}
      {part === 'security' && (
        <Security
          key={round}
          value={settings.authentication ?? { type: 'none' }}
          declared={[connector.authentication]}
          secret={{ entered: clientSecret, stored: connector.has_client_secret, onEnter: setClientSecret }}
          onChange={(authentication) => setSettings({ ...settings, authentication })}
        />
      )}
      {/* Other parts may be looked at while an operation is being edited. */}
      {visited && <div hidden={part !== 'definition'}><Definition key={round} connector={connector} place={part === 'definition' ? place : null} dirty={unsaved.dirty} onUnsaved={setUnsaved} /></div>}
      {part === 'test' && <TestPart connector={connector} />}
      {part === 'code' && <CodePart key={round} connector={connector} at={place?.part === 'code' ? place : null} onUnsaved={setUnsaved} />}
      {part !== 'code' && <Problems diagnostics={diagnostics} onOpen={open} />}
      {next && part !== 'definition' && part !== 'test' && part !== 'code' && <div className="commands"><Button onClick={() => onPart(next)}>{t.continue}</Button></div>}
    </Page>
  );
}
