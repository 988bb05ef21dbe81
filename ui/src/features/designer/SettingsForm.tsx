/** Settings of a step: how long and how often, how many at once, what is hidden, what is pretended. */
import { Checkbox, Field, Input, Select } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { isContainer, isObject, typeOf, valueAt, type Json, type JsonObject } from '../../flow-model/definition';
import { setMember, setStaticResult, staticResultOf } from '../../flow-model/edits';
import { useText } from '../../shared/language';
import { useDesigner } from './context';
import { JsonValue } from './fields';
import { ConcurrencyField } from './forms/ConcurrencyField';
import { DurationField } from './forms/DurationField';
import { RetryField } from './forms/RetryField';
import { RunSummary } from './forms/RunSummary';
import { TriggerSettings } from './forms/TriggerSettings';
import { settingsText } from './settings-text';

const STATUSES = ['Succeeded', 'Failed', 'Skipped', 'TimedOut'];
const SECURE = ['runtimeConfiguration', 'secureData', 'properties'];

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="stack" aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function StaticResult({ step, held }: { step: string; held: JsonObject }) {
  const t = useText(settingsText);
  const { edited, edit } = useDesigner();
  const result = staticResultOf(edited.definition, held);
  const pretend = (next: JsonObject | null) => edit((before) => ({ ...before, definition: setStaticResult(before.definition, step, next) }), `${step}/static`);
  const error = result && isObject(result['error']) ? result['error'] : {};
  const status = String(result?.['status'] ?? 'Succeeded');
  const setError = (member: string, value: string) => {
    const { error: _, ...rest } = result ?? {};
    const next: JsonObject = { ...error, [member]: value };
    pretend(Object.values(next).some((text) => text !== '') ? { ...rest, error: next } : rest);
  };
  return (
    <>
      <Checkbox label={t.staticResult} checked={result !== null} onChange={(_, data) => pretend(data.checked ? { status: 'Succeeded', outputs: { statusCode: 200, body: {} } } : null)} />
      {result && (
        <>
          <Field label={t.staticStatus}>
            <Select value={status} onChange={(_, data) => pretend({ ...result, status: data.value })}>
              {[...new Set([...STATUSES, status])].map((one) => <option key={one} value={one}>{t.statuses[one] ?? one}</option>)}
            </Select>
          </Field>
          {(status === 'Failed' || status === 'TimedOut' || result['error'] !== undefined) && (
            <div className="columns">
              <Field label={t.staticCode}><Input value={String(error['code'] ?? '')} onChange={(_, data) => setError('code', data.value)} /></Field>
              <Field label={t.staticMessage}><Input value={String(error['message'] ?? '')} onChange={(_, data) => setError('message', data.value)} /></Field>
            </div>
          )}
          <JsonValue
            label={t.staticOutputs}
            value={result['outputs']}
            step={step}
            fieldKey={`${step}/static`}
            onChange={(outputs) => {
              const { outputs: _, ...rest } = result;
              pretend(outputs === undefined ? rest : { ...rest, outputs });
            }}
          />
        </>
      )}
    </>
  );
}

export function SettingsForm({ step, held }: { step: string | null; held: JsonObject }) {
  const t = useText(settingsText);
  const { edit } = useDesigner();
  const set = (path: string[], value: Json | undefined) => edit((before) => ({ ...before, definition: setMember(before.definition, step, path, value) }), `${step}/${path.join('/')}`);
  const type = typeOf(held);
  const isTrigger = step === null;
  const calls = /^(Http|OpenApi|ApiConnection|ApiManagement|Workflow|Function)/.test(type);
  const secured = valueAt(held, SECURE);
  const secure = Array.isArray(secured) ? secured : [];
  const secureBox = (member: string, label: string) => (
    <Checkbox
      label={label}
      checked={secure.includes(member)}
      onChange={(_, data) => {
        const next = data.checked ? [...secure, member] : secure.filter((item) => item !== member);
        set(next.length ? SECURE : ['runtimeConfiguration', 'secureData'], next.length ? next : undefined);
      }}
    />
  );
  const timeout = valueAt(held, ['limit', 'timeout']);
  return (
    <div className="stack settings">
      {(isTrigger || type === 'Foreach' || (type !== 'Until' && !isContainer(held))) && (
        <Part title={t.general}>
          {isTrigger && <TriggerSettings held={held} set={set} />}
          {!isTrigger && type !== 'Until' && !isContainer(held) && (
            <DurationField label={t.timeout} hint={t.timeoutHint} value={timeout === undefined || timeout === null ? '' : String(timeout)} onChange={(value) => set(value ? ['limit', 'timeout'] : ['limit'], value)} />
          )}
          {(type === 'Foreach' || isTrigger) && <ConcurrencyField held={held} isTrigger={isTrigger} set={set} />}
        </Part>
      )}
      {calls && (
        <Part title={t.network}>
          <RetryField value={valueAt(held, ['inputs', 'retryPolicy'])} step={step} fieldKey={`${step}/retry`} onChange={(value) => set(['inputs', 'retryPolicy'], value)} />
        </Part>
      )}
      <Part title={t.security}>
        {secureBox('inputs', t.secureInputs)}
        {secureBox('outputs', t.secureOutputs)}
      </Part>
      {isTrigger && <Part title={t.history}><RunSummary held={held} set={set} /></Part>}
      {step !== null && <Part title={t.testing}><StaticResult step={step} held={held} /></Part>}
    </div>
  );
}
