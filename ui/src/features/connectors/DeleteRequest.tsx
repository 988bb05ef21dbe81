/** How the webhook of a trigger is deleted: at its `Location`, or by an operation that is filled from the answer to the creation. */
import { Field, Input, MessageBar, MessageBarBody, Radio, RadioGroup, Select } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { Connector, OperationForm, OperationSummary, Parameter } from '../../api/types';
import { useText } from '../../shared/language';
import { LongSelect } from '../../shared/LongSelect';
import { Loaded } from '../../shared/page';
import { EXAMPLES, guessed, originOf, SOURCES, templateOf, withValue, type Source } from './delete-request';
import { operationQuery } from './operation-query';
import { connectorsText } from './text';

type Request = NonNullable<OperationForm['delete_request']>;

function Value({ parameter, form, request, onChange }: { parameter: Parameter; form: OperationForm; request: Request; onChange: (request: Request) => void }) {
  const t = useText(connectorsText);
  if (request.by !== 'operation') return null;
  const origin = originOf((request.parameters ?? {})[parameter.key]);
  const set = (next: typeof origin) => onChange(withValue(request, parameter.key, templateOf(next, parameter)));
  const name = parameter.key;
  return (
    <div className="row from" role="group" aria-label={name}>
      <code className="from-name">{name}{parameter.required ? ' *' : ''}</code>
      <Select aria-label={t.valueOf(name)} value={origin.source} onChange={(_, data) => set({ source: data.value as Source, value: data.value === 'body' ? 'id' : '' })}>
        {SOURCES.filter((source) => source !== 'none' || !parameter.required).map((source) => <option key={source} value={source}>{t.sources[source]}</option>)}
      </Select>
      {origin.source === 'input' ? (
        <Select className="grow" aria-label={t.sourceValue(name)} value={origin.value} onChange={(_, data) => set({ ...origin, value: data.value })}>
          <option value="" />
          {form.request.parameters.filter((input) => input.visibility !== 'internal').map((input) => <option key={input.key}>{input.key}</option>)}
          {origin.value && !form.request.parameters.some((input) => input.key === origin.value && input.visibility !== 'internal') && <option>{origin.value}</option>}
        </Select>
      ) : (
        origin.source !== 'none' && (
          <Input className="grow mono" aria-label={t.sourceValue(name)} placeholder={EXAMPLES[origin.source]} value={origin.value} onChange={(_, data) => set({ ...origin, value: data.value })} />
        )
      )}
    </div>
  );
}

export function DeleteRequestSection({ connector, form, others, saved, onChange }: {
  connector: Connector;
  form: OperationForm;
  others: OperationSummary[];
  /** Whether the server knows the trigger as the form has it. */
  saved: boolean;
  onChange: (form: OperationForm) => void;
}) {
  const t = useText(connectorsText);
  const request: Request = form.delete_request ?? { by: 'location' };
  const chosen = request.by === 'operation' ? request.operation_id : '';
  const known = others.some((other) => other.operation_id === chosen);
  const detail = useQuery({ ...operationQuery(connector.id, chosen), enabled: known });
  const set = (next: Request) => onChange({ ...form, delete_request: next });
  const isKnown = saved && connector.operations.some((own) => own.operation_id === form.operation_id);
  const own = useQuery({ ...operationQuery(connector.id, form.operation_id), enabled: isKnown });
  // What the server derives where no operation is named; null where only the service's answer can tell.
  const outlook = isKnown ? own.data?.deletion : undefined;
  // What the chosen operation needs is known once it was read; only a fresh choice is filled in by itself.
  const fresh = useRef('');
  const latest = useRef({ form, onChange });
  useEffect(() => {
    latest.current = { form, onChange };
  });
  useEffect(() => {
    if (!detail.data || fresh.current !== detail.data.operation_id) return;
    fresh.current = '';
    const now = latest.current;
    now.onChange({ ...now.form, delete_request: guessed(detail.data, now.form.request.parameters) });
  }, [detail.data]);
  const isDelete = (operation: OperationSummary) => operation.method === 'DELETE';
  const actions = others.filter((other) => other.role === 'action').sort((a, b) => Number(isDelete(b)) - Number(isDelete(a)));
  return (
    <section className="panel stack" aria-labelledby="op-delete">
      <h2 id="op-delete" tabIndex={-1}>{t.deleteRequest}</h2>
      <p className="quiet">{t.deleteRequestText}</p>
      <RadioGroup
        aria-labelledby="op-delete"
        value={request.by}
        onChange={(_, data) => set(data.value === 'operation' ? { by: 'operation', operation_id: '', parameters: {} } : { by: 'location' })}
      >
        <Radio value="location" label={t.deleteByLocation} />
        <Radio value="operation" label={t.deleteByOperation} />
      </RadioGroup>
      {request.by === 'location' && outlook !== undefined && (
        <MessageBar intent={outlook ? 'info' : 'warning'} layout="multiline">
          <MessageBarBody>
            {outlook ? t.deleteDerived(`${outlook.method} ${outlook.path ?? ''}`.trim()) : t.deleteUnknown}
          </MessageBarBody>
        </MessageBar>
      )}
      {request.by === 'operation' && (
        <>
          {actions.length === 0 && <MessageBar intent="info" layout="multiline"><MessageBarBody>{t.noDeleteOperation}</MessageBarBody></MessageBar>}
          <Field label={t.deleteOperationField} required>
            <LongSelect
              empty=""
              value={chosen}
              options={[...actions.map((action) => ({ value: action.operation_id, title: `${action.method} ${action.path} · ${action.summary || action.operation_id}` })), ...(chosen && !known ? [{ value: chosen, title: chosen }] : [])]}
              onChange={(next) => {
                fresh.current = next;
                set({ by: 'operation', operation_id: next, parameters: {} });
              }}
            />
          </Field>
          {known && (
            <Loaded query={detail} rows={1}>
              {(operation) => (
                <div className="stack tight">
                  {operation.parameters.filter((parameter) => parameter.visibility !== 'internal').map((parameter) => (
                    <Value key={parameter.key} parameter={parameter} form={form} request={request} onChange={set} />
                  ))}
                  <p className="quiet small">{t.templateHint}</p>
                </div>
              )}
            </Loaded>
          )}
        </>
      )}
    </section>
  );
}
