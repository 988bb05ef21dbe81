/** Wizard, part 3: triggers, actions, shared schemas and policies in the left pane, the form of the chosen one on the right. */
import { Badge, Button, SearchBox } from '@fluentui/react-components';
import { AddRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { api } from '../../api/client';
import type { Connector, JsonObject, OperationForm, OperationSummary } from '../../api/types';
import { Confirm } from '../../shared/bits';
import { useText } from '../../shared/language';
import { withText } from '../../shared/list';
import { Empty, Loaded } from '../../shared/page';
import { sharedText } from '../../shared/text';
import { useEdited } from './edited';
import { emptyForm, formOf, problemsOf } from './operation-form';
import { operationQuery } from './operation-query';
import { Breaks } from './Breaks';
import { OperationEditor } from './OperationEditor';
import type { Place, SectionPlace } from './places';
import { titleOfPolicy } from './policies';
import { PolicyEditor } from './PolicyEditor';
import { ReferenceEditor } from './ReferenceEditor';
import { NOTHING_UNSAVED, type OnUnsaved } from './saver';
import { connectorsText } from './text';

/** A longer list is searched. */
const SEARCHED_FROM = 12;

type Choice =
  | { kind: 'new'; role: 'trigger' | 'action' }
  | { kind: 'operation'; id: string; at: SectionPlace | null }
  | { kind: 'reference'; name: string }
  | { kind: 'policy'; index: number | null }
  | null;

function Editor({ connector, initial, original, at, onUnsaved, onSaved, onDelete }: {
  connector: Connector;
  initial: OperationForm;
  original: string | null;
  at: SectionPlace | null;
  onUnsaved: OnUnsaved;
  onSaved: (id: string) => void;
  onDelete?: () => void;
}) {
  const { value: form, setValue: setForm, dirty, setStored } = useEdited(initial);
  const others = connector.operations.filter((operation) => operation.operation_id !== original);
  const complete = problemsOf(form, others).length === 0;
  const latest = useRef(form);
  useEffect(() => {
    latest.current = form;
  });
  useEffect(() => {
    const save = async (etag: string, accept: boolean) => {
      const now = latest.current;
      const stored = await api.put('/api/connectors/{id}/operations/{operation}', { path: { id: connector.id, operation: original ?? now.operation_id }, query: { accept_breaks: accept }, body: now, etag });
      setStored(now);
      onSaved(now.operation_id);
      return stored;
    };
    const change = () => ({ operation: latest.current, ...(original === null ? {} : { replaces: original }) });
    onUnsaved({ dirty, save: dirty && complete ? save : null, change });
    return () => onUnsaved(NOTHING_UNSAVED);
  }, [dirty, complete, connector.id, original, onUnsaved, onSaved, setStored]);
  return <OperationEditor connector={connector} form={form} others={others} saved={!dirty} at={at} onChange={setForm} {...(onDelete ? { onDelete } : {})} />;
}

const choiceOf = (place: Place | null): Choice => {
  if (place?.part !== 'definition') return null;
  return 'reference' in place ? { kind: 'reference', name: place.reference } : { kind: 'operation', id: place.operation, at: place };
};

export function Definition({ connector, place, dirty, onUnsaved }: {
  connector: Connector;
  /** Where a problem leads to; another object for each time it does. */
  place: Place | null;
  /** Whether something here is not saved. */
  dirty: boolean;
  onUnsaved: OnUnsaved;
}) {
  const t = useText(connectorsText);
  const shared = useText(sharedText);
  const client = useQueryClient();
  const [choice, setChoice] = useState<Choice>(() => choiceOf(place));
  const [doomed, setDoomed] = useState<'operation' | 'policy' | null>(null);
  const [led, setLed] = useState(place);
  const [sought, setSought] = useState('');
  const removed = doomed === 'operation' && choice?.kind === 'operation' ? choice.id : null;
  const lost = useQuery({
    queryKey: ['connectors', connector.id, 'changes', removed],
    queryFn: ({ signal }) => api.post('/api/connectors/{id}/changes', { path: { id: connector.id }, body: { replaces: removed }, signal }),
    enabled: removed !== null,
    staleTime: 0,
  });
  if (place && led !== place) {
    setLed(place);
    const next = choiceOf(place);
    if (next) setChoice(next);
  }
  const choose = (next: Choice) => {
    if (!dirty || window.confirm(t.leaveUnsaved)) setChoice(next);
  };
  const id = choice?.kind === 'operation' ? choice.id : null;
  const detail = useQuery({ ...operationQuery(connector.id, id ?? ''), enabled: id !== null });
  const document = useQuery({
    queryKey: ['connectors', connector.id, 'definition'],
    queryFn: ({ signal }) => api.get('/api/connectors/{id}/definition', { path: { id: connector.id }, signal }),
  });
  const policies = useQuery({
    queryKey: ['connectors', connector.id, 'policies'],
    queryFn: ({ signal }) => api.get('/api/connectors/{id}/policies', { path: { id: connector.id }, signal }),
  });
  const { operations } = connector;
  const references = Object.keys((document.data?.['definitions'] as JsonObject | undefined) ?? {});
  const items = policies.data?.items ?? [];
  const saved = useCallback((operation: string) => setChoice({ kind: 'operation', id: operation, at: null }), []);
  const savedPolicy = useCallback((index: number) => setChoice({ kind: 'policy', index }), []);
  const entry = (key: string, current: boolean, next: Choice, label: string, mark?: string) => (
    <li key={key}>
      <Button appearance="subtle" aria-current={current} onClick={() => choose(next)}>
        <span className="grow">{label}</span>
        {mark && <Badge appearance="outline" size="small">{mark}</Badge>}
      </Button>
    </li>
  );
  const operation = (item: OperationSummary) => entry(item.operation_id, id === item.operation_id, { kind: 'operation', id: item.operation_id, at: null }, item.summary || item.operation_id);
  const isLong = operations.length > SEARCHED_FROM;
  const section = (role: 'trigger' | 'action', title: string, add: string) => {
    const own = withText(operations.filter((item) => item.role === role), sought, (item) => `${item.summary ?? ''} ${item.operation_id}`);
    return (
      <section aria-label={title}>
        <h3>{title} ({own.length})</h3>
        <ul>{own.map(operation)}</ul>
        <Button size="small" icon={<AddRegular />} onClick={() => choose({ kind: 'new', role })}>{add}</Button>
      </section>
    );
  };
  // Where the list is above the form, what was chosen is brought into view.
  const form = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: 'nearest' });
    if (choice && window.matchMedia('(max-width: 760px)').matches) form.current?.scrollIntoView({ block: 'start' });
  }, [choice]);
  const erase = async () => {
    if (doomed === 'operation' && id) await api.delete('/api/connectors/{id}/operations/{operation}', { path: { id: connector.id, operation: id }, query: { accept_breaks: true }, etag: connector.etag });
    if (doomed === 'policy' && choice?.kind === 'policy') {
      await api.put('/api/connectors/{id}/policies', { path: { id: connector.id }, body: { instances: items.filter((_, index) => index !== choice.index).map((item) => item.instance) }, etag: connector.etag });
    }
    setChoice(null);
    await client.invalidateQueries({ queryKey: ['connectors'] });
  };
  return (
    <div className="definition">
      <aside className="panel" ref={list}>
        {isLong && <SearchBox size="small" value={sought} onChange={(_, data) => setSought(data.value)} placeholder={t.searchOperations} aria-label={t.searchOperations} />}
        {section('trigger', t.triggers, t.newTrigger)}
        {section('action', t.actions, t.newAction)}
        <section aria-label={t.references}>
          <h3>{t.references} ({references.length})</h3>
          {references.length ? <ul>{references.map((name) => entry(name, choice?.kind === 'reference' && choice.name === name, { kind: 'reference', name }, name))}</ul> : <p className="small quiet">{t.none}</p>}
        </section>
        <section aria-label={t.policies}>
          <h3>{t.policies} ({items.length})</h3>
          <ul>{items.map((item, index) => entry(String(index), choice?.kind === 'policy' && choice.index === index, { kind: 'policy', index }, titleOfPolicy(item.instance), item.fault === null ? undefined : t.notRunning))}</ul>
          <Button size="small" icon={<AddRegular />} disabled={!policies.data} onClick={() => choose({ kind: 'policy', index: null })}>{t.newPolicy}</Button>
        </section>
      </aside>
      <div ref={form}>
        {choice === null && <Empty title={t.chooseOperation} />}
        {choice?.kind === 'new' && (
          <Editor key={`new-${choice.role}`} connector={connector} initial={emptyForm(choice.role)} original={null} at={null} onUnsaved={onUnsaved} onSaved={saved} />
        )}
        {choice?.kind === 'operation' && (
          <Loaded query={detail}>
            {(data) => (
              <Editor key={data.operation_id} connector={connector} initial={formOf(data)} original={data.operation_id} at={choice.at} onUnsaved={onUnsaved} onSaved={saved} onDelete={() => setDoomed('operation')} />
            )}
          </Loaded>
        )}
        {choice?.kind === 'reference' && (
          <Loaded query={document}>{(data) => <ReferenceEditor key={choice.name} connector={connector} document={data} name={choice.name} onUnsaved={onUnsaved} />}</Loaded>
        )}
        {choice?.kind === 'policy' && (
          <Loaded query={policies}>
            {(data) => <PolicyEditor key={choice.index ?? 'new'} connector={connector} instances={data.items.map((item) => item.instance)} index={choice.index} onUnsaved={onUnsaved} onSaved={savedPolicy} onDelete={() => setDoomed('policy')} />}
          </Loaded>
        )}
      </div>
      <Confirm open={doomed !== null} title={doomed === 'policy' ? t.deletePolicyTitle : t.deleteOperationTitle(id ?? '')} action={shared.delete} onClose={() => setDoomed(null)} onConfirm={erase}>
        <p>{doomed === 'policy' ? t.deletePolicyText : t.deleteOperationText}</p>
        {doomed === 'operation' && lost.data && lost.data.items.length > 0 && <Breaks breaks={lost.data.items} />}
      </Confirm>
    </div>
  );
}
