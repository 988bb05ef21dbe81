/** Wizard, part 3: triggers and actions in the left pane, the form of the chosen one on the right. */
import { Button } from '@fluentui/react-components';
import { AddRegular } from '@fluentui/react-icons';
import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '../../api/client';
import type { Connector, JsonObject, OperationForm, OperationSummary } from '../../api/types';
import { useText } from '../../shared/language';
import { Empty, Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { emptyForm, formOf, problemsOf } from './operation-form';
import { OperationEditor } from './OperationEditor';
import { connectorsText } from './text';
import type { Saver } from './WizardPage';

type Choice = { kind: 'new'; role: 'trigger' | 'action' } | { kind: 'operation'; id: string } | null;

function Editor({ connector, initial, original, onSaver, onSaved, onDelete }: {
  connector: Connector;
  initial: OperationForm;
  original: string | null;
  onSaver: (saver: Saver) => void;
  onSaved: (id: string) => void;
  onDelete?: () => void;
}) {
  const [form, setForm] = useState(initial);
  const [base, setBase] = useState(initial);
  const dirty = original === null || JSON.stringify(form) !== JSON.stringify(base);
  const others = (connector.operations ?? []).filter((operation) => operation.operation_id !== original);
  const complete = problemsOf(form, others).length === 0;
  const latest = useRef({ form, etag: connector.etag });
  useEffect(() => {
    latest.current = { form, etag: connector.etag };
  });
  useEffect(() => {
    if (!dirty || !complete) {
      onSaver(null);
      return undefined;
    }
    onSaver(async () => {
      const { form: now, etag } = latest.current;
      await api.put('/api/connectors/{id}/operations/{operation}', { path: { id: connector.id, operation: original ?? now.operation_id }, body: now, etag });
      setBase(now);
      onSaver(null);
      onSaved(now.operation_id);
    });
    return () => onSaver(null);
  }, [dirty, complete, connector.id, original, onSaver, onSaved]);
  return <OperationEditor form={form} others={others} saved={!dirty} onChange={setForm} {...(onDelete ? { onDelete } : {})} />;
}

export function Definition({ connector, onSaver }: { connector: Connector; onSaver: (saver: Saver) => void }) {
  const t = useText(connectorsText);
  const client = useQueryClient();
  const [choice, setChoice] = useState<Choice>(null);
  const [error, setError] = useState<unknown>(null);
  const id = choice?.kind === 'operation' ? choice.id : null;
  const detail = useQuery({
    queryKey: ['connectors', connector.id, 'operations', id],
    queryFn: id === null ? skipToken : ({ signal }) => api.get('/api/connectors/{id}/operations/{operation}', { path: { id: connector.id, operation: id }, signal }),
  });
  const document = useQuery({
    queryKey: ['connectors', connector.id, 'definition'],
    queryFn: ({ signal }) => api.get('/api/connectors/{id}/definition', { path: { id: connector.id }, signal }),
  });
  const operations = connector.operations ?? [];
  const references = Object.keys((document.data?.definitions as JsonObject | undefined) ?? {});
  const saved = useRef((operation: string) => {
    setChoice({ kind: 'operation', id: operation });
  });
  const item = (operation: OperationSummary) => (
    <li key={operation.operation_id}>
      <Button appearance="subtle" aria-current={id === operation.operation_id} onClick={() => setChoice({ kind: 'operation', id: operation.operation_id })}>
        {operation.summary || operation.operation_id}
      </Button>
    </li>
  );
  const section = (role: 'trigger' | 'action', title: string, add: string) => (
    <section aria-label={title}>
      <h3>{title} ({operations.filter((operation) => operation.role === role).length})</h3>
      <ul>{operations.filter((operation) => operation.role === role).map(item)}</ul>
      <Button size="small" icon={<AddRegular />} onClick={() => setChoice({ kind: 'new', role })}>{add}</Button>
    </section>
  );
  const erase = () => {
    if (!id) return;
    setError(null);
    api.delete('/api/connectors/{id}/operations/{operation}', { path: { id: connector.id, operation: id } })
      .then(() => {
        setChoice(null);
        return client.invalidateQueries({ queryKey: ['connectors'] });
      })
      .catch(setError);
  };
  return (
    <div className="definition">
      <aside className="panel">
        {section('trigger', t.triggers, t.newTrigger)}
        {section('action', t.actions, t.newAction)}
        <div>
          <h3>{t.references} ({references.length})</h3>
          <ul className="small quiet">{references.length ? references.map((name) => <li key={name}>{name}</li>) : <li>{t.none}</li>}</ul>
        </div>
      </aside>
      <div>
        <ProblemBar error={error} onDismiss={() => setError(null)} />
        {choice === null && <Empty title={t.chooseOperation} />}
        {choice?.kind === 'new' && (
          <Editor key={`new-${choice.role}`} connector={connector} initial={emptyForm(choice.role)} original={null} onSaver={onSaver} onSaved={saved.current} />
        )}
        {id !== null && (
          <Loaded query={detail}>
            {(data) => (
              <Editor key={data.operation_id} connector={connector} initial={formOf(data)} original={data.operation_id} onSaver={onSaver} onSaved={saved.current} onDelete={erase} />
            )}
          </Loaded>
        )}
      </div>
    </div>
  );
}
