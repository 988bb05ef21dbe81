/** The designer: cards on a canvas, a panel beside it, saving with every conflict and refusal said. */
import { Badge, Button, Input, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle, Textarea, Toolbar, ToolbarButton } from '@fluentui/react-components';
import { AddRegular, ArrowRedoRegular, ArrowUndoRegular, BeakerRegular, CheckmarkCircleRegular, CodeRegular, DismissRegular, ErrorCircleRegular, SaveRegular, WarningRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useBlocker, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useReducer, useRef, useState, type KeyboardEvent } from 'react';
import { post, Problem } from '../../api/client';
import type { Flow, ImportedFlow } from '../../api/types';
import { BUILTINS } from '../../flow-model/builtins';
import { emptyDefinition, findAction, isObject, titleOf, triggerOf, typeOf, type JsonObject } from '../../flow-model/definition';
import { addAction, addCase, copied, ensureBranches, moveAction, paste, removeAction, setTrigger, type Position } from '../../flow-model/edits';
import { layout, TRIGGER_ID } from '../../flow-model/layout';
import { before } from '../../flow-model/order';
import { begin } from '../../flow-model/undo';
import { Modal } from '../../shared/bits';
import { Canvas, type CanvasParts } from '../../shared/canvas/Canvas';
import { StepIcon } from '../../shared/canvas/StepIcon';
import { getFlow, IMPORTED_KEY, retryWebhook, saveFlow } from '../../shared/flow-commands';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useText } from '../../shared/language';
import { Loaded, usePageTitle } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { sharedText } from '../../shared/text';
import { CheckerPanel, useFindings } from './Checker';
import { Designing, stepOf, useConnections, useConnectors } from './context';
import { SearchPanel, type Choice } from './SearchPanel';
import { connectionKey, connectorOf, reduce, usedConnections, type Edited } from './state';
import { StepPanel } from './StepPanel';
import { template } from './templates';
import { TestPanel } from './TestPanel';
import { designerText } from './text';
import './designer.css';

type Side = { show: 'step'; step: string | null } | { show: 'trigger' } | { show: 'action'; position: Position } | { show: 'checker' } | { show: 'test' } | null;

const editedOf = (flow: Flow): Edited => ({ name: flow.name, definition: flow.definition ?? emptyDefinition(), connections: flow.connections ?? {}, parameters: flow.parameters ?? {}, profile: flow.profile ?? 'la' });

/** The step that a choice of the search becomes. */
function stepOfChoice(choice: Choice, edited: Edited, known: { id: string; connector: { id: string } }[]): { title: string; step: JsonObject; connections: Edited['connections'] } {
  if ('builtin' in choice) return { title: choice.builtin.title, step: ensureBranches(choice.builtin.step), connections: edited.connections };
  const { item } = choice;
  const connector = item.connector ?? { id: '', name: '' };
  const key = connectionKey(connector, edited.connections, known);
  const own = known.find((connection) => connection.connector.id === connector.id);
  const bound = edited.connections[key]?.connection_id ?? own?.id ?? null;
  const step: JsonObject = {
    type: item.type,
    inputs: { host: { apiId: `/providers/Microsoft.PowerApps/apis/${connector.id}`, connectionName: key, operationId: item.operation_id ?? '' }, parameters: {} },
    ...(item.kind === 'trigger' && item.type === 'OpenApiConnection' ? { recurrence: { frequency: 'Minute', interval: 5 } } : {}),
  };
  return { title: item.title, step, connections: { ...edited.connections, [key]: { connection_id: bound, connector_id: connector.id } } };
}

function PasteDialog({ onPaste, onClose }: { onPaste: (text: string) => boolean; onClose: () => void }) {
  const t = useText(designerText);
  const [text, setText] = useState('');
  const [bad, setBad] = useState(false);
  return (
    <Modal open title={t.pasteTitle} onClose={onClose} actions={<Button appearance="primary" onClick={() => setBad(!onPaste(text))}>{t.insert}</Button>}>
      <p>{t.pasteText}</p>
      <Textarea className="mono" rows={10} value={text} aria-label={t.pasteTitle} onChange={(_, data) => setText(data.value)} />
      {bad && <p className="bad-text" role="alert">{t.pasteBad}</p>}
    </Modal>
  );
}

function CodePage({ edited, onChange }: { edited: Edited; onChange: (definition: JsonObject) => void }) {
  const t = useText(designerText);
  const [text, setText] = useState(() => JSON.stringify(edited.definition, null, 2));
  const [valid, setValid] = useState(true);
  const take = (next: string) => {
    setText(next);
    try {
      const parsed: unknown = JSON.parse(next);
      const fits = isObject(parsed as JsonObject);
      setValid(fits);
      if (fits) onChange(parsed as JsonObject);
    } catch {
      setValid(false);
    }
  };
  return (
    <div className="code-page stack">
      {!valid && <p className="quiet" role="status">{t.notJson}</p>}
      <LazyCodeEditor value={text} onChange={take} language="json" label={t.definitionLabel} height={640} />
    </div>
  );
}

function Designer({ initial, stored, onStored }: { initial: Edited; stored: Flow | null; onStored: (flow: Flow) => void }) {
  const t = useText(designerText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const navigate = useNavigate();
  const [history, act] = useReducer(reduce, initial, begin);
  const edited = history.present;
  const [savedAs, setSavedAs] = useState(initial);
  const dirty = edited !== savedAs;
  const [side, setSide] = useState<Side>(triggerOf(initial.definition) ? null : { show: 'trigger' });
  const [focus, setFocus] = useState<string | null>(null);
  const [code, setCode] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [told, setTold] = useState('');
  const [conflict, setConflict] = useState(false);
  const [pasting, setPasting] = useState<Position | null>(null);
  const leaving = useRef(false);
  const connections = useConnections();
  const connectors = useConnectors();
  const findings = useFindings(edited);
  const errors = findings.filter((finding) => finding.severity === 'error');
  usePageTitle(edited.name || t.newTitle);
  useBlocker({
    shouldBlockFn: () => dirty && !leaving.current && !window.confirm(t.unsaved),
    enableBeforeUnload: () => dirty && !leaving.current,
  });

  const edit = useCallback((change: (held: Edited) => Edited, subject?: string) => act({ do: 'edit', edit: change, ...(subject ? { subject } : {}) }), []);
  const open = useCallback((step: string | null) => {
    setSide({ show: 'step', step });
    setFocus(step ?? TRIGGER_ID);
  }, []);
  const context = useMemo(() => ({ edited, edit, flow: stored, open }), [edited, edit, stored, open]);
  const picture = useMemo(() => layout(edited.definition), [edited.definition]);

  const choose = (choice: Choice) => {
    const made = stepOfChoice(choice, edited, connections.data ?? []);
    if (side?.show === 'trigger') {
      edit((held) => ({ ...held, definition: setTrigger(held.definition, made.title, made.step), connections: made.connections }));
      open(null);
      return;
    }
    if (side?.show !== 'action') return;
    const added = addAction(edited.definition, side.position, made.title, made.step);
    edit((held) => ({ ...held, definition: added.definition, connections: made.connections }));
    open(added.name);
  };
  const addBuiltin = (id: string, position: Position) => {
    const builtin = BUILTINS.find((item) => item.id === id && item.kind === 'action');
    if (!builtin) return;
    const added = addAction(edited.definition, position, builtin.title, ensureBranches(builtin.step));
    edit((held) => ({ ...held, definition: added.definition }));
    open(added.name);
  };
  const insertText = (text: string, position: Position): boolean => {
    const pasted = paste(edited.definition, position, text);
    if (!pasted) return false;
    edit((held) => ({ ...held, definition: pasted.definition }));
    setPasting(null);
    open(pasted.name);
    return true;
  };

  const finish = (flow: Flow, message: string) => {
    setSavedAs(edited);
    setTold(message);
    leaving.current = true;
    void client.invalidateQueries({ queryKey: ['flows'] });
    void client.invalidateQueries({ queryKey: ['runs'] });
    client.setQueryData(['flows', flow.id], flow);
    if (!stored || stored.id !== flow.id) {
      const refused = !!flow.problem;
      void navigate(refused ? { to: '/flows/$flow/edit', params: { flow: flow.id }, search: { refused: 'yes' } } : { to: '/flows/$flow', params: { flow: flow.id } });
      return;
    }
    leaving.current = false;
    onStored(flow);
  };
  const save = (state?: 'draft', force = false, asCopy = false) => {
    if (busy) return;
    setBusy(true);
    setError(null);
    setTold('');
    const name = asCopy ? t.copyOf(edited.name) : edited.name.trim() || t.newTitle;
    const body = { name, definition: edited.definition, connections: usedConnections(edited), parameters: edited.parameters ?? {}, profile: edited.profile, ...(state ? { state } : {}) };
    const saving = stored && !asCopy ? saveFlow(stored.id, body, force ? undefined : String(stored.etag)) : post<Flow>('/api/flows', asCopy ? { ...body, state: 'draft' } : body);
    saving
      .then((flow) => finish(flow, state === 'draft' ? t.savedDraft : t.saved))
      .catch((problem: unknown) => {
        if (problem instanceof Problem && problem.status === 412) setConflict(true);
        else setError(problem);
      })
      .finally(() => setBusy(false));
  };
  const takeTheirs = () => {
    if (!stored) return;
    getFlow(stored.id)
      .then((flow) => {
        act({ do: 'reset', edited: editedOf(flow) });
        setSavedAs(editedOf(flow));
        setConflict(false);
        onStored(flow);
      })
      .catch(setError);
  };

  const keys = (event: KeyboardEvent) => {
    const typing = /INPUT|TEXTAREA|SELECT/.test((event.target as HTMLElement).tagName) || (event.target as HTMLElement).isContentEditable;
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === 's') {
      event.preventDefault();
      save(stored ? undefined : errors.length ? 'draft' : undefined);
    } else if (command && !typing && event.key.toLowerCase() === 'z') {
      event.preventDefault();
      act({ do: event.shiftKey ? 'redo' : 'undo' });
    } else if (command && !typing && event.key.toLowerCase() === 'y') {
      event.preventDefault();
      act({ do: 'redo' });
    } else if (event.key === 'Escape' && side) {
      setSide(null);
    }
  };
  const cardKeys = (event: KeyboardEvent, name: string | null) => {
    if (name === null) return;
    const found = findAction(edited.definition, name);
    if (!found) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === 'Delete') {
      edit((held) => ({ ...held, definition: removeAction(held.definition, name) }));
      setSide(null);
    } else if (command && event.key.toLowerCase() === 'c') {
      void navigator.clipboard?.writeText(copied(edited.definition, name) ?? '');
    } else if (command && event.key.toLowerCase() === 'v') {
      void navigator.clipboard?.readText().then((text) => insertText(text, { place: found.place, after: name }));
    } else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      const earlier = before(edited.definition, found.place, name);
      const target = event.key === 'ArrowUp' ? (earlier.at(-2) ?? null) : Object.keys(found.action).length ? nextOf(name) : null;
      if (event.key === 'ArrowDown' && target === null) return;
      edit((held) => ({ ...held, definition: moveAction(held.definition, name, { place: found.place, after: target }) }));
    }
  };
  const nextOf = (name: string): string | null => {
    const line = picture.lines.find((item) => item.from === name && !item.to.startsWith('add:'));
    return line?.to ?? null;
  };

  const bad = useMemo(() => {
    const map = new Map<string | null, 'error' | 'warning'>();
    for (const finding of findings) if (finding.step !== undefined && map.get(finding.step) !== 'error') map.set(finding.step, finding.severity);
    return map;
  }, [findings]);
  const selected = side?.show === 'step' ? side.step : undefined;
  const connectorFor = (name: string | null) => {
    const id = connectorOf(stepOf(edited.definition, name), edited.connections, connections.data ?? []);
    return connectors.data?.items.find((item) => item.id === id) ?? null;
  };
  const inside = (name: string | null) => {
    const step = stepOf(edited.definition, name);
    const connector = connectorFor(name);
    const mark = bad.get(name);
    if (name === null && !step) return <><StepIcon step={null} kind="trigger" /><span className="title">{t.triggerPrompt}</span></>;
    return (
      <>
        <StepIcon step={step} kind={name === null ? 'trigger' : 'action'} connector={connector} />
        <span className="title">
          {titleOf(name ?? triggerOf(edited.definition)?.name ?? '')}
          <span className="sub">{connector?.name ?? typeOf(step ?? {})}</span>
        </span>
        <span className="badges" aria-hidden="true">{mark === 'error' ? <ErrorCircleRegular /> : mark === 'warning' ? <WarningRegular /> : null}</span>
      </>
    );
  };
  const parts: CanvasParts = {
    card: inside,
    head: inside,
    onOpen: (name) => (name === null && !triggerOf(edited.definition) ? setSide({ show: 'trigger' }) : open(name)),
    isSelected: (name) => name === selected,
    onAdd: (position) => setSide({ show: 'action', position }),
    onKey: cardKeys,
    describe: (name) => {
      const mark = bad.get(name);
      const title = name === null ? (triggerOf(edited.definition)?.name ?? t.triggerPrompt) : name;
      return { label: `${titleOf(title)}${mark ? `, ${mark === 'error' ? shared.error : shared.warning}` : ''}`, className: mark === 'error' ? 'bad' : '' };
    },
    addButton: (position) => (
      <Menu>
        <MenuTrigger disableButtonEnhancement><Button size="small" icon={<AddRegular />}>{t.newStep}</Button></MenuTrigger>
        <MenuPopover>
          <MenuList>
            <MenuItem onClick={() => setSide({ show: 'action', position })}>{t.addAction}</MenuItem>
            <MenuItem onClick={() => addBuiltin('If', position)}>{t.addCondition}</MenuItem>
            <MenuItem onClick={() => addBuiltin('Foreach', position)}>{t.addLoop}</MenuItem>
            <MenuItem onClick={() => addBuiltin('Scope', position)}>{t.addScope}</MenuItem>
            {position.after !== null && <MenuItem onClick={() => setSide({ show: 'action', position: { ...position, parallel: true } })}>{t.addParallel}</MenuItem>}
            {typeOf(stepOf(edited.definition, position.place.at(-2) ?? '') ?? {}) === 'Switch' && <MenuItem onClick={() => edit((held) => ({ ...held, definition: addCase(held.definition, position.place.at(-2) ?? '') }))}>{t.addCase}</MenuItem>}
            <MenuItem onClick={() => setPasting(position)}>{t.pasteCard}</MenuItem>
          </MenuList>
        </MenuPopover>
      </Menu>
    ),
  };

  const refused = stored?.webhook && /fail/i.test(stored.webhook.state) && stored.state === 'off' ? (stored.webhook.error as { message?: string; hint?: string } | null) : null;
  const sideTitle = side?.show === 'trigger' ? t.chooseTrigger : side?.show === 'action' ? t.chooseAction : side?.show === 'checker' ? t.checker : side?.show === 'test' ? t.testTitle : t.parameters;
  return (
    <Designing.Provider value={context}>
      <div className="designer" onKeyDown={keys}>
        <header>
          <h1 className="visually-hidden">{edited.name || t.newTitle}</h1>
          <Input className="name-input" size="large" value={edited.name} placeholder={t.namePlaceholder} aria-label={t.flowName} onChange={(_, data) => edit((held) => ({ ...held, name: data.value }), 'name')} />
          <Toolbar aria-label={t.canvas}>
            <ToolbarButton icon={<ArrowUndoRegular />} aria-label={t.undo} title={t.undo} disabled={history.past.length === 0} onClick={() => act({ do: 'undo' })} />
            <ToolbarButton icon={<ArrowRedoRegular />} aria-label={t.redo} title={t.redo} disabled={history.future.length === 0} onClick={() => act({ do: 'redo' })} />
            <ToolbarButton icon={<CodeRegular />} aria-label={code ? t.designerView : t.codeView} title={code ? t.designerView : t.codeView} onClick={() => setCode(!code)} />
            <ToolbarButton icon={<BeakerRegular />} aria-label={t.test} title={t.test} onClick={() => setSide({ show: 'test' })} />
            <ToolbarButton icon={errors.length ? <ErrorCircleRegular /> : <CheckmarkCircleRegular />} onClick={() => setSide({ show: 'checker' })}>
              {t.checker}
              {findings.length > 0 && <Badge size="small" color={errors.length ? 'danger' : 'warning'} style={{ marginLeft: 6 }}>{findings.length}</Badge>}
            </ToolbarButton>
          </Toolbar>
          <span className="grow" />
          {(!stored || stored.state === 'draft') && <Button disabled={busy} onClick={() => save('draft')}>{t.saveDraft}</Button>}
          <Button appearance="primary" icon={<SaveRegular />} disabled={busy || errors.length > 0} title={errors.length ? t.fixErrors : undefined} onClick={() => save(undefined)}>
            {stored ? t.save : t.create}
          </Button>
        </header>
        <div className="notices" aria-live="polite">
          <ProblemBar error={error} onDismiss={() => setError(null)} />
          {told && <MessageBar intent="success"><MessageBarBody>{told} {stored && <Link to="/flows/$flow" params={{ flow: stored.id }}>{t.toFlow}</Link>}</MessageBarBody></MessageBar>}
          {refused && stored && (
            <MessageBar intent="error" layout="multiline">
              <MessageBarBody>
                <MessageBarTitle>{t.webhookRefused}</MessageBarTitle> {refused.message}
                {refused.hint && <p className="quiet">{refused.hint}</p>}
              </MessageBarBody>
              <MessageBarActions>
                <Button disabled={busy} onClick={() => { setBusy(true); retryWebhook(stored.id).then((flow) => { onStored(flow); if (flow.state === 'on') setTold(t.onNow); }).catch(setError).finally(() => setBusy(false)); }}>{t.tryAgain}</Button>
                <Link to="/flows/$flow/runs" params={{ flow: stored.id }}>{t.openHistory}</Link>
              </MessageBarActions>
            </MessageBar>
          )}
        </div>
        <div className="work">
          {code ? (
            <CodePage edited={edited} onChange={(definition) => edit((held) => ({ ...held, definition }), 'code')} />
          ) : (
            <Canvas layout={picture} parts={parts} label={t.canvas} focus={focus} />
          )}
          {side && (
            <aside className="side" aria-label={sideTitle}>
              <div className="side-head">
                <h2>{side.show === 'step' ? '' : sideTitle}</h2>
                <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.closePanel} onClick={() => setSide(null)} />
              </div>
              {side.show === 'trigger' && <SearchPanel kind="trigger" onChoose={choose} />}
              {side.show === 'action' && <SearchPanel kind="action" onChoose={choose} />}
              {side.show === 'checker' && <CheckerPanel findings={findings} onOpen={open} />}
              {side.show === 'test' && <TestPanel flow={stored} dirty={dirty} />}
              {side.show === 'step' && <StepPanel key={side.step ?? TRIGGER_ID} step={side.step} onChangeTrigger={() => setSide({ show: 'trigger' })} />}
            </aside>
          )}
        </div>
        {pasting && <PasteDialog onClose={() => setPasting(null)} onPaste={(text) => insertText(text, pasting)} />}
        <Modal
          open={conflict}
          title={t.conflictTitle}
          onClose={() => setConflict(false)}
          actions={
            <>
              <Button onClick={takeTheirs}>{t.conflictTheirs}</Button>
              <Button onClick={() => { setConflict(false); save(undefined, false, true); }}>{t.conflictCopy}</Button>
              <Button appearance="primary" onClick={() => { setConflict(false); save(undefined, true); }}>{t.conflictMine}</Button>
            </>
          }
        >
          <p>{t.conflictText}</p>
        </Modal>
      </div>
    </Designing.Provider>
  );
}

export function NewFlowPage() {
  const search = useSearch({ strict: false }) as { template?: string };
  const initial = useMemo<Edited>(() => {
    if (search.template === 'imported') {
      const kept = window.sessionStorage.getItem(IMPORTED_KEY);
      if (kept) {
        const imported = JSON.parse(kept) as ImportedFlow;
        const connections = Object.fromEntries(Object.entries(imported.connections ?? {}).map(([key, own]) => [key, { connection_id: null, ...(own.connector_id ? { connector_id: own.connector_id } : {}), ...(own.api ? { api: own.api } : {}) }]));
        return { name: imported.name, definition: imported.definition, connections, parameters: imported.parameters, profile: imported.profile };
      }
    }
    // What is drawn here behaves as in Power Automate: loops run one item after the other.
    return { ...template(search.template), profile: 'pa' };
  }, [search.template]);
  return <Designer key={search.template ?? 'blank'} initial={initial} stored={null} onStored={() => undefined} />;
}

function Stored({ flow }: { flow: Flow }) {
  const client = useQueryClient();
  const [stored, setStored] = useState(flow);
  const initial = useMemo(() => editedOf(flow), [flow]);
  useEffect(() => {
    client.setQueryData(['flows', stored.id], stored);
  }, [client, stored]);
  return <Designer key={flow.id} initial={initial} stored={stored} onStored={setStored} />;
}

export function EditFlowPage() {
  const { flow: id } = useParams({ strict: false }) as { flow: string };
  // What others save meanwhile is noticed when saving, not while editing.
  const flow = useQuery({ queryKey: ['designer', id], queryFn: ({ signal }) => getFlow(id, signal), staleTime: 0, gcTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false });
  return <Loaded query={flow}>{(data) => <Stored key={data.id} flow={data} />}</Loaded>;
}

