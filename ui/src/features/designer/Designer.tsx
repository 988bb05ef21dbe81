/** The designer: cards on a canvas and a panel beside it. Saving, keys, clipboard and the panel are parts of their own. */
import { Badge, Button, Input, MessageBar, MessageBarActions, MessageBarBody, Toolbar, ToolbarButton, ToolbarDivider, Tooltip } from '@fluentui/react-components';
import {
  ArrowRedoRegular,
  ArrowUndoRegular,
  BeakerRegular,
  CheckmarkCircleRegular,
  CodeRegular,
  ErrorCircleRegular,
  FlowRegular,
  KeyboardRegular,
  SaveRegular,
} from '@fluentui/react-icons';
import { Link, useBlocker, useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useReducer, useRef, useState, type KeyboardEvent, type MouseEvent } from 'react';
import type { Flow } from '../../api/types';
import { BUILTINS } from '../../flow-model/builtins';
import { addCase, caseInWords } from '../../flow-model/cases';
import { isContainer, titleOf, triggerOf, type JsonObject } from '../../flow-model/definition';
import { stepOfPointer } from '../../flow-model/checker';
import { addAction, ensureBranches, setTrigger, type Position } from '../../flow-model/edits';
import { layout, TRIGGER_ID, type Layout } from '../../flow-model/layout';
import { structureOf } from '../../flow-model/structure';
import { begin, redo, undo } from '../../flow-model/undo';
import { Canvas, type CanvasParts } from '../../shared/canvas/Canvas';
import { useFolding } from '../../shared/canvas/folding';
import { PanelEdge, usePanelWidth } from '../../shared/PanelEdge';
import { ago } from '../../shared/time';
import { useLanguage, useText } from '../../shared/language';
import { usePageTitle } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { changeInWords } from './announce';
import { sharedText } from '../../shared/text';
import { CardFace, useDescribe } from './CardFace';
import { useCards, type Direction } from './cards';
import { useFindings } from './Checker';
import { stepOfChoice } from './choice';
import { clipboardOf, isTyping } from './clipboard';
import { CodePage } from './CodePage';
import { Designing, stepOf, useConnections } from './context';
import { ConflictDialog, KeysDialog, LeaveDialog, PasteDialog } from './Dialogs';
import { forgetDraft, useKeptDraft, type KeptDraft } from './kept-draft';
import { RunBar, useLiveRun } from './LiveRun';
import { AddMenu, CardMenu, type AddAt } from './Menus';
import { Refused } from './Refused';
import { useSaving } from './saving';
import { SaveTrouble } from './SaveTrouble';
import type { Choice } from './SearchPanel';
import { commandOf } from './shortcuts';
import { SidePanel, type Side } from './SidePanel';
import { editedOf, reduce, type Edited } from './state';
import { designerText } from './text';

const NONE: readonly string[] = [];

const MOVES: { [command: string]: Direction } = { moveBefore: 'before', moveBehind: 'behind', moveOut: 'out', moveIn: 'in' };

const cardOf = (target: EventTarget): string | null | undefined => {
  const id = target instanceof HTMLElement ? target.closest<HTMLElement>('[data-card]')?.dataset['card'] : undefined;
  return id === TRIGGER_ID ? null : id;
};

/** The layout, the same for as long as no card has to move. */
function usePicture(definition: JsonObject, folded: ReadonlySet<string>): Layout {
  const structure = useMemo(() => structureOf(definition), [definition]);
  const [held, setHeld] = useState(() => ({ structure, folded, layout: layout(definition, folded) }));
  if (held.structure === structure && held.folded === folded) return held.layout;
  const next = { structure, folded, layout: layout(definition, folded) };
  setHeld(next);
  return next.layout;
}

/** `opened`: the trigger's form stands open, since only the person can fill it in. */
export function Designer({ initial, stored, onStored, opened = false }: { initial: Edited; stored: Flow | null; onStored: (flow: Flow) => void; opened?: boolean }) {
  const t = useText(designerText);
  const shared = useText(sharedText);
  const { language } = useLanguage();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { view?: string };
  const isCode = search.view === 'code';
  const [history, act] = useReducer(reduce, initial, begin);
  const edited = history.present;
  const [savedAs, setSavedAs] = useState(initial);
  const dirty = edited !== savedAs;
  const [side, setSide] = useState<Side | null>(!triggerOf(initial.definition) ? { show: 'trigger' } : opened ? { show: 'step', step: null } : null);
  const [focus, setFocus] = useState<string | null>(null);
  const [picked, setPicked] = useState<readonly string[]>(NONE);
  const [showsKeys, setShowsKeys] = useState(false);
  const [pasting, setPasting] = useState<Position | null>(null);
  const [adding, setAdding] = useState<AddAt | null>(null);
  const [menu, setMenu] = useState<{ name: string; at: { x: number; y: number } } | null>(null);
  const [watched, setWatched] = useState<string | null>(null);
  const live = useLiveRun(watched);
  const connections = useConnections();
  const findings = useFindings(edited);
  const errors = findings.filter((finding) => finding.severity === 'error');
  // What was restored may be based on an older version than the stored one.
  const [older, setOlder] = useState<{ etag: string | null; edited: Edited } | null>(null);
  const base = older?.edited ?? savedAs;
  const baseEtag = older ? older.etag : (stored?.etag ?? null);
  const draft = useKeptDraft({ flow: stored?.id ?? null, etag: baseEtag, edited, base, dirty });
  usePageTitle(edited.name || t.newTitle);

  /** Said to those who hear the page. The same words twice are said twice. */
  const [heard, setHeard] = useState({ text: '', count: 0 });
  const announce = useCallback((text: string) => setHeard((before) => ({ text, count: before.count + 1 })), []);
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
  const cards = useCards({ edited, edit, picked, setPicked, open, close, focusCard, announce, words: t.cards, scopeTitle: t.scopeTitle });
  const context = useMemo(() => ({ edited, edit, flow: stored, open, cards }), [edited, edit, stored, open, cards]);
  // Typing into a field changes the definition, but moves no card.
  const folding = useFolding(edited.definition, focus, setFocus);
  const picture = usePicture(edited.definition, folding.folded);
  const describe = useDescribe(edited, findings, live.run, folding.folded);
  const panel = usePanelWidth();

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
    announce(t.cards.added(titleOf(added.name)));
  };
  const addBuiltin = (id: string, position: Position) => {
    const builtin = BUILTINS.find((item) => item.id === id && item.kind === 'action');
    if (!builtin) return;
    const added = addAction(edited.definition, position, builtin.title[language], ensureBranches(builtin.step));
    edit((held) => ({ ...held, definition: added.definition }));
    open(added.name);
    focusPanel();
    announce(t.cards.added(titleOf(added.name)));
  };
  const searchAt = (position: Position, find = false) => setSide(triggerOf(edited.definition) ? { show: 'action', position, find } : { show: 'trigger' });

  const saving = useSaving({
    edited, stored, etag: baseEtag, edit, openStep: open, onStored, t,
    onSaved: (saved) => {
      setOlder(null);
      setSavedAs(saved);
    },
  });
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => dirty && !saving.isLeaving() && current.pathname !== next.pathname,
    enableBeforeUnload: () => dirty && !saving.isLeaving(),
    withResolver: true,
  });
  const openDiagnostic = ({ pointer }: { pointer: string }) => {
    const step = stepOfPointer(edited.definition, pointer);
    if (step !== undefined) open(step);
  };
  const takeTheirs = (flow: Flow) => {
    const theirs = editedOf(flow);
    act({ do: 'reset', edited: theirs });
    setSavedAs(theirs);
    setOlder(null);
    forgetDraft(flow.id);
    saving.closeConflict();
    onStored(flow);
  };
  const { dismiss } = draft;
  const restore = useCallback(
    (kept: KeptDraft) => {
      edit(() => kept.edited);
      if (kept.etag !== (stored?.etag ?? null)) setOlder({ etag: kept.etag, edited: kept.base });
      dismiss();
    },
    [edit, stored, dismiss],
  );
  const [resumed, setResumed] = useState(false);
  const { found } = draft;
  useEffect(() => {
    if (!found?.resume) return;
    restore(found);
    setResumed(true);
  }, [found, restore]);
  const selected = side?.show === 'step' ? side.step : undefined;
  /** The card that commands without a card of their own are about. */
  const at = (target: EventTarget): string | null => cardOf(target) ?? selected ?? null;
  const travel = (way: 'undo' | 'redo') => {
    const next = (way === 'undo' ? undo : redo)(history).present;
    if (next === edited) return;
    const said = changeInWords(edited, next, { kinds: t.changeKinds, trigger: t.trigger, ...t.changes });
    announce(`${way === 'undo' ? t.undone : t.redone}: ${said || t.changes.other}`);
    act({ do: way });
  };
  const leavePanel = () => {
    setSide(null);
    focusCard(selected ?? focus ?? TRIGGER_ID);
  };
  const keys = (event: Pick<KeyboardEvent, 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey' | 'key' | 'target' | 'defaultPrevented' | 'preventDefault'>) => {
    const typing = isTyping(event.target);
    const command = commandOf(event, 'page', typing);
    if (command === 'close') {
      if (!typing && picked.length > 0) setPicked(NONE);
      else if (!typing || (side && !event.defaultPrevented)) leavePanel();
      return;
    }
    if (command === null) return;
    event.preventDefault();
    if (command === 'save') saving.save(stored?.state === 'draft' || (!stored && errors.length > 0) ? { state: 'draft' } : {});
    else if (command === 'search') {
      const name = at(event.target);
      searchAt(name ? cards.behind(name) : cards.end(), true);
    } else if (command === 'undo' || command === 'redo') travel(command);
    else if (command === 'keys') setShowsKeys(true);
  };
  // Right after the page was opened nothing has the focus, but the keys shall work.
  const latestKeys = useRef(keys);
  useEffect(() => {
    latestKeys.current = keys;
  });
  useEffect(() => {
    const unfocused = (event: globalThis.KeyboardEvent) => {
      if (event.target === document.body) latestKeys.current(event as Parameters<typeof keys>[0]);
    };
    window.addEventListener('keydown', unfocused);
    return () => window.removeEventListener('keydown', unfocused);
  }, []);
  const cardKeys = (event: KeyboardEvent, name: string | null) => {
    const command = commandOf(event, 'card', false);
    // The trigger is where it is, and there is one.
    if (command === null || (name === null && command !== 'add' && command !== 'rename')) return;
    event.preventDefault();
    if (command === 'add') return searchAt(name === null ? { place: ['actions'], after: null } : cards.behind(name));
    if (command === 'rename') {
      open(name);
      requestAnimationFrame(() => aside.current?.querySelector<HTMLInputElement>('.step-name input')?.select());
    } else if (name !== null) {
      if (command === 'remove') cards.remove(cards.chosen(name));
      else if (command === 'duplicate') cards.duplicate(cards.chosen(name));
      else if (command === 'choose') toggle(name);
      else if (command === 'fold' && isContainer(stepOf(edited.definition, name) ?? {})) folding.fold(name);
      else if (command in MOVES) cards.step(name, MOVES[command] as Direction);
    }
  };
  const toggle = (name: string) => {
    const held = picked.length === 0 && selected && selected !== name ? [selected] : [...picked];
    const next = held.includes(name) ? held.filter((other) => other !== name) : [...held, name];
    setPicked(next);
    announce(t.pickedCards(next.length));
  };
  const clipboard = clipboardOf(cards, at);

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
    onFold: folding.fold,
    onFoldAll: folding.foldAll,
    caseValue: (name, label) => caseInWords(stepOf(edited.definition, name) ?? undefined, label),
    onCase: (name, label) => {
      open(name);
      requestAnimationFrame(() => aside.current?.querySelector<HTMLInputElement>(`[data-case="${CSS.escape(label)}"]`)?.select());
    },
    describe,
  };

  const tool = (label: string, icon: React.ReactElement, onClick: () => void, more: { disabled?: boolean; className?: string } = {}) => (
    <Tooltip content={label} relationship="label"><ToolbarButton icon={icon} onClick={onClick} {...more} /></Tooltip>
  );
  return (
    <Designing.Provider value={context}>
      <div className="designer" onKeyDown={keys}>
        <div key={heard.count} className="visually-hidden" role="status" data-heard>{heard.text}</div>
        <header>
          <h1 className="visually-hidden">{edited.name || t.newTitle}</h1>
          <Input className="name-input" appearance="filled-lighter" value={edited.name} placeholder={t.namePlaceholder} aria-label={t.flowName} onChange={(_, data) => edit((held) => ({ ...held, name: data.value }), 'name')} />
          <Toolbar aria-label={t.canvas} className="designer-tools">
            {tool(t.undo, <ArrowUndoRegular />, () => travel('undo'), { disabled: history.past.length === 0 })}
            {tool(t.redo, <ArrowRedoRegular />, () => travel('redo'), { disabled: history.future.length === 0 })}
            <ToolbarDivider />
            <ToolbarButton icon={isCode ? <FlowRegular /> : <CodeRegular />} onClick={() => void navigate({ to: '.', search: isCode ? {} : { view: 'code' }, replace: true })}>
              <span className="tool-text">{isCode ? t.designerView : t.codeView}</span>
            </ToolbarButton>
            <ToolbarButton icon={<BeakerRegular />} onClick={() => setSide({ show: 'test' })}><span className="tool-text">{t.test}</span></ToolbarButton>
            <ToolbarButton icon={errors.length ? <ErrorCircleRegular className="bad-text" /> : <CheckmarkCircleRegular />} onClick={() => setSide({ show: 'checker' })}>
              <span className="tool-text">{t.checker}</span>
              {findings.length > 0 && <Badge size="small" color={errors.length ? 'danger' : 'warning'} className="tool-count">{findings.length}</Badge>}
            </ToolbarButton>
            {tool(t.keys, <KeyboardRegular />, () => setShowsKeys(true), { className: 'keys-tool' })}
          </Toolbar>
          <span className="grow" />
          <div className="save">
            {dirty && <span className="quiet small unsaved-mark" title={draft.isKept ? t.keptHere : undefined}>{t.unsavedMark}</span>}
            {(!stored || stored.state === 'draft' || errors.length > 0) && (
              <Button disabled={saving.busy} title={stored?.state === 'on' ? t.draftTurnsOff : undefined} onClick={() => saving.save({ state: 'draft' })}>{t.saveDraft}</Button>
            )}
            <Button appearance="primary" icon={<SaveRegular />} disabled={saving.busy || errors.length > 0} title={errors.length ? t.fixErrors : undefined} onClick={() => saving.save()}>
              {stored && stored.state !== 'draft' ? t.save : t.create}
            </Button>
          </div>
        </header>
        <div className="notices" aria-live="polite">
          <SaveTrouble error={saving.error} busy={saving.busy} isKept={draft.isKept} onRetry={saving.retry} onDismiss={() => saving.setError(null)} onOpenDiagnostic={openDiagnostic} />
          <ProblemBar error={live.error} onDismiss={() => setWatched(null)} />
          {resumed && dirty && <MessageBar intent="info"><MessageBarBody>{t.resumed}</MessageBarBody><MessageBarActions><Button size="small" appearance="transparent" onClick={() => setResumed(false)}>{shared.close}</Button></MessageBarActions></MessageBar>}
          {draft.found && (
            <MessageBar intent="info">
              <MessageBarBody>{t.keptDraft(ago(draft.found.at, language))}</MessageBarBody>
              <MessageBarActions>
                <Button size="small" onClick={() => { if (draft.found) restore(draft.found); }}>{t.restore}</Button>
                <Button size="small" appearance="transparent" onClick={() => { forgetDraft(stored?.id ?? null); draft.dismiss(); }}>{t.discard}</Button>
              </MessageBarActions>
            </MessageBar>
          )}
          {live.run && <RunBar run={live.run} onClose={() => setWatched(null)} />}
          {saving.told && !dirty && <MessageBar intent="success"><MessageBarBody>{saving.told} {stored && <Link to="/flows/$flow" params={{ flow: stored.id }}>{t.toFlow}</Link>}</MessageBarBody></MessageBar>}
          {stored && <Refused flow={stored} onStored={onStored} onOn={() => saving.setTold(t.onNow)} onError={saving.setError} />}
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
        <div className="work" style={panel.style} {...clipboard}>
          {isCode ? (
            <CodePage edited={edited} onChange={(definition) => edit((held) => ({ ...held, definition }), 'code')} />
          ) : (
            <Canvas layout={picture} parts={parts} label={t.canvas} focus={focus} />
          )}
          {side && <PanelEdge width={panel.width} onWidth={panel.setWidth} />}
          {side && (
            <SidePanel
              ref={aside}
              side={side}
              definition={edited.definition}
              findings={findings}
              flow={stored}
              dirty={dirty}
              onChoose={choose}
              onOpen={open}
              onChangeTrigger={() => setSide({ show: 'trigger' })}
              onRun={setWatched}
              onClose={leavePanel}
            />
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
        {showsKeys && <KeysDialog onClose={() => setShowsKeys(false)} />}
        {saving.isConflict && stored && (
          <ConflictDialog
            flow={stored.id}
            base={base}
            mine={edited}
            onClose={saving.closeConflict}
            onTheirs={takeTheirs}
            onMine={(theirs) => saving.save({ etag: theirs.etag })}
            onMerged={saving.saveMerged}
            onCopy={() => saving.save({ asCopy: true })}
          />
        )}
        {blocker.status === 'blocked' && <LeaveDialog onStay={blocker.reset} onLeave={() => { forgetDraft(stored?.id ?? null); blocker.proceed(); }} />}
      </div>
    </Designing.Provider>
  );
}
