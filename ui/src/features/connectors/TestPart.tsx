/** Wizard, part 4: a real call through a connection, with what was sent and what came back. */
import { Badge, Button, Checkbox, Field, Input, MessageBar, MessageBarBody, Select, Textarea } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Call, Connector, Json, OperationDetail, Parameter } from '../../api/types';
import { Modal } from '../../shared/bits';
import { ConnectionForm } from '../../shared/ConnectionForm';
import { JsonView } from '../../shared/JsonView';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { Loaded } from '../../shared/page';
import { ProblemBar } from '../../shared/ProblemBar';
import { duration } from '../../shared/time';
import { connectorsText } from './text';

/** `GET https://…`; nothing where nothing was sent. */
function sentOf(call: Call): string {
  const sent = call.request;
  return sent && typeof sent === 'object' && !Array.isArray(sent) ? `${String(sent['method'])} ${String(sent['uri'])}` : '';
}

const isStructured = (parameter: Parameter) => parameter.schema.type === 'array' || parameter.schema.type === 'object';

/** Typed text → the value that is sent. */
function valueOf(parameter: Parameter, text: string): Json {
  const type = parameter.schema.type;
  if (type === 'integer' || type === 'number') return Number(text);
  if (type === 'boolean') return text === 'true';
  if (isStructured(parameter)) return JSON.parse(text) as Json;
  return text;
}

function Operation({ connector, operation, connection }: { connector: Connector; operation: OperationDetail; connection: string }) {
  const t = useText(connectorsText);
  const shown = operation.parameters.filter((parameter) => parameter.visibility !== 'internal');
  const [values, setValues] = useState<{ [key: string]: string }>(() =>
    Object.fromEntries(shown.filter((parameter) => parameter.default !== undefined).map((parameter) => [parameter.key, typeof parameter.default === 'string' ? parameter.default : JSON.stringify(parameter.default)])),
  );
  const [outcome, setOutcome] = useState<Call | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    setError(null);
    setOutcome(null);
    try {
      const parameters: { [key: string]: Json } = {};
      for (const parameter of shown) {
        const text = values[parameter.key];
        if (text !== undefined && text !== '') parameters[parameter.key] = valueOf(parameter, text);
      }
      setOutcome(await api.post('/api/connectors/{id}/test', { path: { id: connector.id }, body: { connection_id: connection || null, operation_id: operation.operation_id, parameters } }));
    } catch (problem) {
      setError(problem instanceof SyntaxError ? new Error(t.badJson) : problem);
    } finally {
      setBusy(false);
    }
  };
  const set = (key: string, value: string) => setValues({ ...values, [key]: value });
  return (
    <div className="stack">
      {shown.map((parameter) => {
        const label = parameter.summary || parameter.name;
        const value = values[parameter.key] ?? '';
        if (parameter.schema.type === 'boolean') {
          return <Checkbox key={parameter.key} label={label} checked={value === 'true'} onChange={(_, data) => set(parameter.key, String(data.checked === true))} />;
        }
        return (
          <Field key={parameter.key} label={label} hint={parameter.description} required={parameter.required}>
            {parameter.enum?.length ? (
              <LongSelect empty="" value={value} options={parameter.enum.map((item) => ({ value: String(item), title: String(item) }))} onChange={(next) => set(parameter.key, next)} />
            ) : isStructured(parameter) ? (
              <Textarea className="mono" value={value} onChange={(_, data) => set(parameter.key, data.value)} />
            ) : (
              <Input value={value} onChange={(_, data) => set(parameter.key, data.value)} />
            )}
          </Field>
        );
      })}
      <div className="commands"><Button appearance="primary" disabled={busy || (!connection && connector.authentication.type !== 'none')} onClick={() => void run()}>{t.testOperation}</Button></div>
      <ProblemBar error={error} />
      {outcome && (
        <div className="stack" role="status">
          <div className="row">
            <h3>{t.testRequest}</h3>
            <code>{sentOf(outcome)}</code>
          </div>
          <JsonView value={outcome.request} fileName="request.json" />
          <div className="row">
            <h3>{t.testResponse}</h3>
            {outcome.response && <Badge color={outcome.response.status < 400 ? 'success' : 'danger'}>{outcome.response.status}</Badge>}
            <span className="quiet">{t.elapsed} {duration(outcome.elapsed_ms)}</span>
          </div>
          {outcome.response ? (
            <JsonView value={{ headers: outcome.response.headers, body: outcome.response.body }} fileName="response.json" />
          ) : (
            <MessageBar intent="error" layout="multiline"><MessageBarBody>{outcome.error}</MessageBarBody></MessageBar>
          )}
        </div>
      )}
    </div>
  );
}

export function TestPart({ connector }: { connector: Connector }) {
  const t = useText(connectorsText);
  const connections = useQuery({
    queryKey: ['connections', 'of', connector.id],
    queryFn: ({ signal }) => api.get('/api/connections', { query: { connector: connector.id, limit: 200 }, signal }),
  });
  const [connection, setConnection] = useState('');
  const [operation, setOperation] = useState('');
  const [creating, setCreating] = useState(false);
  const detail = useQuery({
    queryKey: ['connectors', connector.id, 'operations', operation],
    enabled: operation !== '',
    queryFn: ({ signal }) => api.get('/api/connectors/{id}/operations/{operation}', { path: { id: connector.id, operation }, signal }),
  });
  const chosen = connection || (connections.data?.items[0]?.id ?? '');
  return (
    <section className="panel stack">
      <Loaded query={connections} rows={1}>
        {(data) => (
          <div className="row end">
            <Field label={t.connection} className="grow">
              <Select value={chosen} onChange={(_, change) => setConnection(change.value)}>
                <option value="">{t.chooseConnection}</option>
                {data.items.map((item) => <option key={item.id} value={item.id}>{item.name}</option>)}
              </Select>
            </Field>
            <Button onClick={() => setCreating(true)}>{t.newConnection}</Button>
          </div>
        )}
      </Loaded>
      <Field label={t.operation}>
        <LongSelect empty="" value={operation} options={(connector.operations ?? []).map((item) => ({ value: item.operation_id, title: item.summary || item.operation_id, words: item.operation_id }))} onChange={setOperation} />
      </Field>
      {operation && <Loaded query={detail}>{(data) => <Operation key={data.operation_id} connector={connector} operation={data} connection={chosen} />}</Loaded>}
      {creating && (
        <Modal open title={t.newConnection} onClose={() => setCreating(false)}>
          <ConnectionForm
            connector={connector}
            onDone={(made) => {
              setConnection(made.id);
              setCreating(false);
            }}
          />
        </Modal>
      )}
    </section>
  );
}
