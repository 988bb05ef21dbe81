/** The designer: cards on a canvas, a panel beside it, saving with every conflict and refusal said. */
import { Badge, Button, Input, MessageBar, MessageBarActions, MessageBarBody, Toolbar, ToolbarButton, ToolbarDivider, Tooltip } from '@fluentui/react-components';
import {
  ArrowRedoRegular,
  ArrowUndoRegular,
  BeakerRegular,
  CheckmarkCircleRegular,
  CodeRegular,
  DismissRegular,
  ErrorCircleRegular,
  FlowRegular,
  KeyboardRegular,
  SaveRegular,
} from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useBlocker, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useReducer, useRef, useState, type ClipboardEvent, type KeyboardEvent, type MouseEvent } from 'react';
import { api, Problem } from '../../api/client';
import type { Flow, FlowBody } from '../../api/types';
import { BUILTINS } from '../../flow-model/builtins';
import { addCase } from '../../flow-model/cases';
import { isObject, titleOf, triggerOf, type JsonObject } from '../../flow-model/definition';
import { addAction, ensureBranches, setTrigger, type Position } from '../../flow-model/edits';
import { operationStep } from '../../flow-model/host';
import { layout, TRIGGER_ID } from '../../flow-model/layout';
import { begin } from '../../flow-model/undo';
import { Canvas, type CanvasParts } from '../../shared/canvas/Canvas';
import { ago } from '../../shared/time';
import { saveFlow } from '../../shared/flow-commands';
import { LazyCodeEditor } from '../../shared/LazyCodeEditor';
import { useLanguage, useText, type Language } from '../../shared/language';
import { usePageTitle } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { CardFace, useDescribe } from './CardFace';
import { useCards } from './cards';
import { CheckerPanel, useFindings } from './Checker';
import { Designing, stepOf, useConnections } from './context';
import { ConflictDialog, KeysDialog, LeaveDialog, PasteDialog } from './Dialogs';
import { forgetDraft, useKeptDraft } from './kept-draft';
import { RunBar, useLiveRun } from './LiveRun';
import { AddMenu, CardMenu, type AddAt } from './Menus';
import { Refused, refusalOf } from './Refused';
import { SearchPanel, type Choice } from './SearchPanel';
import { connectionKey, editedOf, reduce, usedConnections, type Edited } from './state';
import { StepPanel } from './StepPanel';
import { TestPanel } from './TestPanel';
import { designerText } from './text';

type Side = { show: 'step'; step: string | null } | { show: 'trigger' } | { show: 'action'; position: Position; find?: boolean } | { show: 'checker' } | { show: 'test' } | null;

const NONE: readonly string[] = [];

/** The step that a choice of the search becomes. */
function stepOfChoice(choice: Choice, language: Language, edited: Edited, known: { id: string; connector: { id: string } }[]): { title: string; step: JsonObject; connections: Edited['connections'] } {
  if ('builtin' in choice) return { title: choice.builtin.title[language], step: ensureBranches(choice.builtin.step), connections: edited.connections };
  const { item } = choice;
  const connector = item.connector ?? { id: '', name: '' };
  const key = connectionKey(connector, edited.connections, known);
  const own = known.find((connection) => connection.connector.id === connector.id);
  const bound = edited.connections[key]?.connection_id ?? own?.id ?? null;
  const step = operationStep(item.kind, item.type, connector.id, key, item.operation_id ?? '');
  return { title: item.title, step, connections: { ...edited.connections, [key]: { connection_id: bound, connector_id: connector.id } } };
}

function CodePage({ edited, onChange }: { edited: Edited; onChange: (definition: JsonObject) => void }) {
  const t = useText(designerText);
  const [text, setText] = useState(() => JSON.stringify(edited.definition, null, 2));
  const [valid, setValid] = useState(true);
  const told = useRef(edited.definition);
  // Undo, redo and others' versions come in; what was typed here is not formatted anew.
  useEffect(() => {
    if (edited.definition === told.current) return;
    told.current = edited.definition;
    setText(JSON.stringify(edited.definition, null, 2));
    setValid(true);
  }, [edited.definition]);
  const take = (next: string) => {
    if (next === text) return;
    setText(next);
    try {
      const parsed = JSON.parse(next) as JsonObject;
      const fits = isObject(parsed);
      setValid(fits);
      if (!fits) return;
      told.current = parsed;
      onChange(parsed);
    } catch {
      setValid(false);
    }
  };
  return (
    <div className="code-page stack">
      {!valid && <p className="quiet" role="status">{t.notJson}</p>}
      <LazyCodeEditor value={text} onChange={take} language="json" label={t.definitionLabel} height={4000} />
    </div>
  );
}

const isTyping = (target: EventTarget) => target instanceof HTMLElement && (/INPUT|TEXTAREA|SELECT/.test(target.tagName) || target.isContentEditable);
const cardOf = (target: EventTarget): string | null | undefined => {
  const id = target instanceof HTMLElement ? target.closest<HTMLElement>('[data-card]')?.dataset['card'] : undefined;
  return id === TRIGGER_ID ? null : id;
};

/** `opened`: the trigger's form stands open, since only the person can fill it in. */
export function Designer({ initial, stored, onStored, opened = false }: { initial: Edited; stored: Flow | null; onStored: (flow: Flow) => void; opened?: boolean }) {
  const t = useText(designerText);
  const { language } = useLanguage();
  const client = useQueryClient();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { view?: string };
  const isCode = search.view === 'code';
  const [history, act] = useReducer(reduce, initial, begin);
  const edited = history.present;
  const [savedAs, setSavedAs] = useState(initial);
  const dirty = edited !== savedAs;
  const [side, setSide] = useState<Side>(!triggerOf(initial.definition) ? { show: 'trigger' } : opened ? { show: 'step', step: null } : null);
  const [focus, setFocus] = useState<string | null>(null);
  const [picked, setPicked] = useState<readonly string[]>(NONE);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [told, setTold] = useState('');
  const [dialog, setDialog] = useState<'conflict' | 'keys' | null>(null);
  const [pasting, setPasting] = useState<Position | null>(null);
  const [adding, setAdding] = useState<AddAt | null>(null);
  const [menu, setMenu] = useState<{ name: string; at: { x: number; y: number } } | null>(null);
  const [watched, setWatched] = useState<string | null>(null);
  const leaving = useRef(false);
  const live = useLiveRun(watched);
  const connections = useConnections();
  const findings = useFindings(edited);
  const errors = findings.filter((finding) => finding.severity === 'error');
  const draft = useKeptDraft(stored?.id ?? null, stored?.etag ?? null, edited, dirty);
  usePageTitle(edited.name || t.newTitle);
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => dirty && !leaving.current && current.pathname !== next.pathname,
    enableBeforeUnload: () => dirty && !leaving.current,
    withResolver: true,
  });

  const edit = useCallback((change: (held: Edited) => Edited, subject?: string) => act({ do: 'edit', edit: change, ...(subject ? { subject } : {}) }), []);
  const open = useCallback((step: string | null) => {
    setSide({ show: 'step', step });
    setFocus(step ?? TRIGGER_ID);
  }, []);
  const close = useCallback(() => setSide(null), []);
  const aside = useRef<HTMLElement>(null);
  /** The keyboard goes on where the hand left off: on the card, or in the panel that was just opened. */
  const focusCard = useCallback((id: string) => requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-card="${CSS.escape(id)}"]`)?.focus()), []);
  const focusPanel = useCallback(() => requestAnimationFrame(() => aside.current?.focus()), []);
  const cards = useCards({ edited, edit, picked, setPicked, open, close, focusCard, scopeTitle: t.scopeTitle });
  const context = useMemo(() => ({ edited, edit, flow: stored, open, cards }), [edited, edit, stored, open, cards]);
  const picture = useMemo(() => layout(edited.definition), [edited.definition]);
  const describe = useDescribe(edited, findings, live.run);

  const choose = (choice: Choice) => {
    const made = stepOfChoice(choice, language, edited, connections.data ?? []);
    if (side?.show === 'trigger') {
      edit((held) => ({ ...held, definition: setTrigger(held.definition, made.title, made.step), connections: made.connections }));
      open(null);
      focusPanel();
      return;
    }
    if (side?.show !== 'action') return;
    const added = addAction(edited.definition, side.position, made.title, made.step);
    edit((held) => ({ ...held, definition: added.definition, connections: made.connections }));
    open(added.name);
    focusPanel();
  };
  const addBuiltin = (id: string, position: Position) => {
    const builtin = BUILTINS.find((item) => item.id === id && item.kind === 'action');
    if (!builtin) return;
    const added = addAction(edited.definition, position, builtin.title[language], ensureBranches(builtin.step));
    edit((held) => ({ ...held, definition: added.definition }));
    open(added.name);
    focusPanel();
  };
  const searchAt = (position: Position, find = false) => setSide(triggerOf(edited.definition) ? { show: 'action', position, find } : { show: 'trigger' });

  const finish = (flow: Flow, message: string, saved: Edited) => {
    forgetDraft(stored?.id ?? null);
    setSavedAs(saved);
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
  const save = (more: { state?: 'draft'; etag?: string; asCopy?: boolean; edited?: Edited } = {}) => {
    if (busy) return;
    setBusy(true);
    setError(null);
    setTold('');
    const held = more.edited ?? edited;
    // A draft that is saved whole becomes a flow; one that a service refused is tried again, for that is why it was changed.
    const state = more.state ?? (stored?.state === 'draft' || refusalOf(stored) ? 'on' : undefined);
    const name = more.asCopy ? t.copyOf(held.name) : held.name.trim() || t.newTitle;
    const body: FlowBody = { name, definition: held.definition, connections: usedConnections(held), parameters: held.parameters ?? {}, profile: held.profile, ...(held.envelope ? { envelope: held.envelope } : {}), ...(state ? { state } : {}) };
    const saving = stored && !more.asCopy ? saveFlow(stored.id, body, String(more.etag ?? stored.etag)) : api.post('/api/flows', { body: more.asCopy ? { ...body, state: 'draft' } : body });
    saving
      .then((flow) => finish(flow, more.state === 'draft' ? t.savedDraft : t.saved, held))
      .catch((problem: unknown) => {
        if (problem instanceof Problem && problem.status === 412) setDialog('conflict');
        else setError(problem);
      })
      .finally(() => setBusy(false));
  };
  const saveMerged = (definition: JsonObject, theirs: Flow) => {
    const both = { ...edited, definition, connections: { ...theirs.connections, ...edited.connections } };
    edit(() => both);
    setDialog(null);
    save({ edited: both, etag: theirs.etag });
  };
  const takeTheirs = (flow: Flow) => {
    const theirs = editedOf(flow);
    act({ do: 'reset', edited: theirs });
    setSavedAs(theirs);
    forgetDraft(flow.id);
    setDialog(null);
    onStored(flow);
  };
  const selected = side?.show === 'step' ? side.step : undefined;
  /** The card that commands without a card of their own are about. */
  const at = (target: EventTarget): string | null => cardOf(target) ?? selected ?? null;
  const leavePanel = () => {
    setSide(null);
    focusCard(selected ?? focus ?? TRIGGER_ID);
  };
  const keys = (event: KeyboardEvent) => {
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === 's') {
      event.preventDefault();
      save(stored?.state === 'draft' || (!stored && errors.length > 0) ? { state: 'draft' } : {});
    } else if (command && key === 'k') {
      event.preventDefault();
      const name = at(event.target);
      searchAt(name ? cards.behind(name) : cards.end(), true);
    } else if (isTyping(event.target)) {
      if (event.key === 'Escape' && side && !event.defaultPrevented) leavePanel();
    } else if (command && key === 'z') {
      event.preventDefault();
      act({ do: event.shiftKey ? 'redo' : 'undo' });
    } else if (command && key === 'y') {
      event.preventDefault();
      act({ do: 'redo' });
    } else if (event.key === 'Escape') {
      if (picked.length) setPicked(NONE);
      else leavePanel();
    } else if (event.key === '?') {
      setDialog('keys');
    }
  };
  const cardKeys = (event: KeyboardEvent, name: string | null) => {
    if (event.key === 'Insert') {
      event.preventDefault();
      searchAt(name === null ? { place: ['actions'], after: null } : cards.behind(name));
      return;
    }
    if (name === null) return;
    if (event.key === 'Delete' || event.key === 'Backspace') {
      event.preventDefault();
      cards.remove(cards.chosen(name));
    } else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      event.preventDefault();
      cards.step(name, event.key === 'ArrowUp' ? -1 : 1);
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'd') {
      event.preventDefault();
      cards.duplicate(cards.chosen(name));
    } else if (event.key === ' ' && event.shiftKey) {
      event.preventDefault();
      toggle(name);
    }
  };
  const toggle = (name: string) => {
    const held = picked.length === 0 && selected && selected !== name ? [selected] : [...picked];
    setPicked(held.includes(name) ? held.filter((other) => other !== name) : [...held, name]);
  };
  const clip = (event: ClipboardEvent, cut: boolean) => {
    const name = at(event.target);
    if (isTyping(event.target) || window.getSelection()?.toString() || name === null) return;
    event.preventDefault();
    (cut ? cards.cut : cards.copy)(cards.chosen(name), event.clipboardData);
  };
  const pasteHere = (event: ClipboardEvent) => {
    if (isTyping(event.target)) return;
    const name = at(event.target);
    if (cards.paste(event.clipboardData.getData('text/plain'), name ? cards.behind(name) : cards.end())) event.preventDefault();
  };

  const parts: CanvasParts = {
    card: (name) => <CardFace step={stepOf(edited.definition, name)} title={titleOf(name ?? triggerOf(edited.definition)?.name ?? '')} kind={name === null ? 'trigger' : 'action'} connector={describe(name).connector} mark={describe(name).mark} run={live.run ? (name === null ? (live.run.trigger.status ?? 'Succeeded') : (live.actions.get(name)?.status ?? null)) : null} />,
    onOpen: (name, event: MouseEvent<HTMLElement>) => {
      if (name === null && !triggerOf(edited.definition)) return setSide({ show: 'trigger' });
      if (name !== null && (event.shiftKey || event.ctrlKey || event.metaKey)) return toggle(name);
      setPicked(NONE);
      open(name);
      // Opened by a key: the next Tab goes into the panel.
      if (event.detail === 0) focusPanel();
    },
    isSelected: (name) => name === selected || (name !== null && picked.includes(name)),
    onAdd: (position, button) => setAdding({ position, button }),
    onMove: (name, position) => cards.move(cards.chosen(name), position),
    onMenu: (name, event) => {
      if (name === null) return;
      event.preventDefault();
      setMenu({ name, at: { x: event.clientX, y: event.clientY } });
    },
    onKey: cardKeys,
    describe,
  };

  const sideTitle = side?.show === 'trigger' ? t.chooseTrigger : side?.show === 'action' ? t.chooseAction : side?.show === 'checker' ? t.checker : side?.show === 'test' ? t.testTitle : t.parameters;
  const tool = (label: string, icon: React.ReactElement, onClick: () => void, more: { disabled?: boolean; className?: string } = {}) => (
    <Tooltip content={label} relationship="label"><ToolbarButton icon={icon} onClick={onClick} {...more} /></Tooltip>
  );
  return (
    <Designing.Provider value={context}>
      <div className="designer" onKeyDown={keys}>
        <header>
          <h1 className="visually-hidden">{edited.name || t.newTitle}</h1>
          <Input className="name-input" appearance="filled-lighter" value={edited.name} placeholder={t.namePlaceholder} aria-label={t.flowName} onChange={(_, data) => edit((held) => ({ ...held, name: data.value }), 'name')} />
          <Toolbar aria-label={t.canvas} className="designer-tools">
            {tool(t.undo, <ArrowUndoRegular />, () => act({ do: 'undo' }), { disabled: history.past.length === 0 })}
            {tool(t.redo, <ArrowRedoRegular />, () => act({ do: 'redo' }), { disabled: history.future.length === 0 })}
            <ToolbarDivider />
            <ToolbarButton icon={isCode ? <FlowRegular /> : <CodeRegular />} onClick={() => void navigate({ to: '.', search: isCode ? {} : { view: 'code' }, replace: true })}>
              <span className="tool-text">{isCode ? t.designerView : t.codeView}</span>
            </ToolbarButton>
            <ToolbarButton icon={<BeakerRegular />} onClick={() => setSide({ show: 'test' })}><span className="tool-text">{t.test}</span></ToolbarButton>
            <ToolbarButton icon={errors.length ? <ErrorCircleRegular className="bad-text" /> : <CheckmarkCircleRegular />} onClick={() => setSide({ show: 'checker' })}>
              <span className="tool-text">{t.checker}</span>
              {findings.length > 0 && <Badge size="small" color={errors.length ? 'danger' : 'warning'} className="tool-count">{findings.length}</Badge>}
            </ToolbarButton>
            {tool(t.keys, <KeyboardRegular />, () => setDialog('keys'), { className: 'keys-tool' })}
          </Toolbar>
          <span className="grow" />
          <div className="save">
            {dirty && <span className="quiet small unsaved-mark">{t.unsavedMark}</span>}
            {(!stored || stored.state === 'draft') && <Button disabled={busy} onClick={() => save({ state: 'draft' })}>{t.saveDraft}</Button>}
            <Button appearance="primary" icon={<SaveRegular />} disabled={busy || errors.length > 0} title={errors.length ? t.fixErrors : undefined} onClick={() => save()}>
              {stored && stored.state !== 'draft' ? t.save : t.create}
            </Button>
          </div>
        </header>
        <div className="notices" aria-live="polite">
          <ProblemBar error={error ?? live.error} onDismiss={() => { setError(null); setWatched(null); }} />
          {draft.found && (
            <MessageBar intent="info">
              <MessageBarBody>{t.keptDraft(ago(draft.found.at, language))}</MessageBarBody>
              <MessageBarActions>
                <Button size="small" onClick={() => { if (draft.found) { const kept = draft.found.edited; edit(() => kept); } draft.dismiss(); }}>{t.restore}</Button>
                <Button size="small" appearance="transparent" onClick={() => { forgetDraft(stored?.id ?? null); draft.dismiss(); }}>{t.discard}</Button>
              </MessageBarActions>
            </MessageBar>
          )}
          {live.run && <RunBar run={live.run} onClose={() => setWatched(null)} />}
          {told && !dirty && <MessageBar intent="success"><MessageBarBody>{told} {stored && <Link to="/flows/$flow" params={{ flow: stored.id }}>{t.toFlow}</Link>}</MessageBarBody></MessageBar>}
          {stored && <Refused flow={stored} onStored={onStored} onOn={() => setTold(t.onNow)} onError={setError} />}
          {picked.length > 1 && (
            <div className="picked" role="toolbar" aria-label={t.pickedCards(picked.length)}>
              <strong>{t.pickedCards(picked.length)}</strong>
              <Button size="small" onClick={() => cards.copy([...picked])}>{t.copyStep}</Button>
              <Button size="small" onClick={() => cards.cut([...picked])}>{t.cutStep}</Button>
              <Button size="small" onClick={() => cards.scope([...picked])}>{t.intoScope}</Button>
              <Button size="small" onClick={() => cards.remove([...picked])}>{t.deleteStep}</Button>
              <Button size="small" appearance="transparent" onClick={() => setPicked(NONE)}>{t.unpick}</Button>
            </div>
          )}
        </div>
        <div className="work" onCopy={(event) => clip(event, false)} onCut={(event) => clip(event, true)} onPaste={pasteHere}>
          {isCode ? (
            <CodePage edited={edited} onChange={(definition) => edit((held) => ({ ...held, definition }), 'code')} />
          ) : (
            <Canvas layout={picture} parts={parts} label={t.canvas} focus={focus} />
          )}
          {side && (
            <aside className={side.show === 'step' ? 'side of-step' : 'side'} aria-label={sideTitle} ref={aside} tabIndex={-1}>
              <div className="side-head">
                {side.show !== 'step' && <h2>{sideTitle}</h2>}
                <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.closePanel} onClick={leavePanel} />
              </div>
              {side.show === 'trigger' && <SearchPanel kind="trigger" onChoose={choose} />}
              {side.show === 'action' && <SearchPanel kind="action" onChoose={choose} {...(side.find ? { steps: edited.definition, onStep: open } : {})} />}
              {side.show === 'checker' && <CheckerPanel findings={findings} onOpen={open} />}
              {side.show === 'test' && <TestPanel flow={stored} dirty={dirty} onRun={setWatched} />}
              {side.show === 'step' && <StepPanel key={side.step ?? TRIGGER_ID} step={side.step} onChangeTrigger={() => setSide({ show: 'trigger' })} />}
            </aside>
          )}
        </div>
        {adding && (
          <AddMenu
            at={adding}
            definition={edited.definition}
            onClose={() => setAdding(null)}
            onAdd={(position) => searchAt(position)}
            onBuiltin={addBuiltin}
            onCase={(name) => edit((held) => ({ ...held, definition: addCase(held.definition, name) }))}
            onPaste={cards.paste}
            onPasteText={setPasting}
          />
        )}
        {menu && <CardMenu name={menu.name} at={menu.at} cards={cards} onClose={() => setMenu(null)} />}
        {pasting && (
          <PasteDialog
            onClose={() => setPasting(null)}
            onPaste={(text) => {
              const done = cards.paste(text, pasting);
              if (done) setPasting(null);
              return done;
            }}
          />
        )}
        {dialog === 'keys' && <KeysDialog onClose={() => setDialog(null)} />}
        {dialog === 'conflict' && stored && (
          <ConflictDialog
            flow={stored.id}
            base={savedAs}
            mine={edited}
            onClose={() => setDialog(null)}
            onTheirs={takeTheirs}
            onMine={(theirs) => { setDialog(null); save({ etag: theirs.etag }); }}
            onMerged={saveMerged}
            onCopy={() => { setDialog(null); save({ asCopy: true }); }}
          />
        )}
        {blocker.status === 'blocked' && <LeaveDialog onStay={blocker.reset} onLeave={() => { forgetDraft(stored?.id ?? null); blocker.proceed(); }} />}
      </div>
    </Designing.Provider>
  );
}
