/** Settings of a step, and after what it runs. */
import { Checkbox, Field, Input, Select, Textarea } from '@fluentui/react-components';
import { actionsAt, findAction, isObject, runAfterOf, titleOf, typeOf, valueAt, type Json, type JsonObject } from '../../flow-model/definition';
import { setMember, setRunAfter, setStaticResult, staticResultOf } from '../../flow-model/edits';
import { useText } from '../../shared/language';
import { sharedText } from '../../shared/text';
import { useDesigner } from './context';
import { JsonValue } from './fields';
import { designerText } from './text';

const STATUSES = ['Succeeded', 'Failed', 'Skipped', 'TimedOut'];
const SECURE = ['runtimeConfiguration', 'secureData', 'properties'];

export function SettingsForm({ step, held }: { step: string | null; held: JsonObject }) {
  const t = useText(designerText);
  const shared = useText(sharedText);
  const { edited, edit } = useDesigner();
  const set = (path: string[], value: Json | undefined) => edit((before) => ({ ...before, definition: setMember(before.definition, step, path, value) }), `${step}/${path.join('/')}`);
  const text = (path: string[]) => {
    const value = valueAt(held, path);
    return value === undefined || value === null ? '' : String(value);
  };
  const type = typeOf(held);
  const isTrigger = step === null;
  const calls = /^(Http|OpenApi|ApiConnection)/.test(type);
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
  const pretended = step === null ? null : staticResultOf(edited.definition, held);
  const pretend = (result: JsonObject | null) => step !== null && edit((before) => ({ ...before, definition: setStaticResult(before.definition, step, result) }), `${step}/static`);
  const policy = valueAt(held, ['inputs', 'retryPolicy']) ?? held['retryPolicy'];
  const retry = isObject(policy) ? policy : null;
  const conditions = Array.isArray(held['conditions']) ? held['conditions'].map((item) => (isObject(item) ? String(item['expression'] ?? '') : '')).join('\n') : '';
  return (
    <div className="stack">
      {isTrigger && (
        <>
          <Field label={t.splitOn}><Input value={text(['splitOn'])} placeholder="@triggerBody()?['value']" onChange={(_, data) => set(['splitOn'], data.value || undefined)} /></Field>
          <Field label={t.conditions}>
            <Textarea
              className="mono"
              value={conditions}
              onChange={(_, data) => set(['conditions'], data.value ? data.value.split('\n').map((expression) => ({ expression })) : undefined)}
            />
          </Field>
        </>
      )}
      {!isTrigger && type !== 'Until' && <Field label={t.timeout}><Input value={text(['limit', 'timeout'])} onChange={(_, data) => set(data.value ? ['limit', 'timeout'] : ['limit'], data.value || undefined)} /></Field>}
      {calls && (
        <>
          <Field label={t.retry}>
            <Select
              value={typeof retry?.['type'] === 'string' ? retry['type'] : ''}
              onChange={(_, data) => set(['inputs', 'retryPolicy'], data.value === '' ? undefined : data.value === 'none' ? { type: 'none' } : { type: data.value, count: 4, interval: 'PT10S' })}
            >
              <option value="">{t.retryDefault}</option>
              <option value="none">{t.retryNone}</option>
              <option value="fixed">{t.retryFixed}</option>
              <option value="exponential">{t.retryExponential}</option>
            </Select>
          </Field>
          {retry && retry['type'] !== 'none' && (
            <div className="columns">
              <Field label={t.retryCount}><Input type="number" value={text(['inputs', 'retryPolicy', 'count'])} onChange={(_, data) => set(['inputs', 'retryPolicy', 'count'], Number(data.value))} /></Field>
              <Field label={t.retryInterval}><Input value={text(['inputs', 'retryPolicy', 'interval'])} onChange={(_, data) => set(['inputs', 'retryPolicy', 'interval'], data.value)} /></Field>
            </div>
          )}
        </>
      )}
      {(type === 'Foreach' || isTrigger) && (
        <Field label={t.concurrency}>
          <Input
            type="number"
            min={1}
            max={50}
            value={text(isTrigger ? ['runtimeConfiguration', 'concurrency', 'runs'] : ['runtimeConfiguration', 'concurrency', 'repetitions'])}
            onChange={(_, data) =>
              data.value
                ? set(['runtimeConfiguration', 'concurrency', isTrigger ? 'runs' : 'repetitions'], Number(data.value))
                : set(['runtimeConfiguration', 'concurrency'], undefined)
            }
          />
        </Field>
      )}
      {type === 'Foreach' && <Checkbox label={t.sequential} checked={held['operationOptions'] === 'Sequential'} onChange={(_, data) => set(['operationOptions'], data.checked ? 'Sequential' : undefined)} />}
      {secureBox('inputs', t.secureInputs)}
      {secureBox('outputs', t.secureOutputs)}
      {step !== null && (
        <>
          <Checkbox label={t.staticResult} checked={pretended !== null} onChange={(_, data) => pretend(data.checked ? { status: 'Succeeded', outputs: { statusCode: 200, body: {} } } : null)} />
          {pretended && (
            <>
              <Field label={t.staticStatus}>
                <Select value={String(pretended['status'] ?? 'Succeeded')} onChange={(_, data) => pretend({ ...pretended, status: data.value })}>
                  {STATUSES.map((status) => <option key={status} value={status}>{shared.status[status]}</option>)}
                </Select>
              </Field>
              <JsonValue label={t.staticOutputs} value={pretended['outputs']} step={step} fieldKey={`${step}/static`} onChange={(outputs) => pretend(outputs === undefined ? { status: pretended['status'] ?? 'Succeeded' } : { ...pretended, outputs })} />
            </>
          )}
        </>
      )}
    </div>
  );
}

export function RunAfterForm({ step }: { step: string }) {
  const t = useText(designerText);
  const { edited, edit } = useDesigner();
  const found = findAction(edited.definition, step);
  if (!found) return null;
  const after = runAfterOf(found.action);
  const others = Object.keys(actionsAt(edited.definition, found.place)).filter((name) => name !== step);
  /** Choosing what comes later would make a circle. */
  const isLater = (name: string, seen = new Set<string>()): boolean => {
    if (name === step) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    return Object.keys(runAfterOf(actionsAt(edited.definition, found.place)[name] ?? {})).some((before) => isLater(before, seen));
  };
  const set = (name: string, statuses: string[]) => {
    const next = Object.fromEntries(Object.entries(after).map(([key, value]) => [key, Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []]));
    if (statuses.length) next[name] = statuses;
    else delete next[name];
    edit((held) => ({ ...held, definition: setRunAfter(held.definition, step, next) }));
  };
  const candidates = others.filter((name) => name in after || !isLater(name));
  if (candidates.length === 0) return <p className="quiet">{t.runAfterNone}</p>;
  return (
    <div className="stack">
      {candidates.map((name) => {
        const value = after[name];
        const chosen = Array.isArray(value) ? value.map((item) => String(item).toLowerCase()) : [];
        return (
          <fieldset key={name} className="list-value">
            <legend>{t.runAfterOf(titleOf(name))}</legend>
            {STATUSES.map((status) => (
              <Checkbox
                key={status}
                label={t.is[status]}
                checked={chosen.includes(status.toLowerCase())}
                onChange={(_, data) => set(name, STATUSES.filter((item) => (item === status ? data.checked === true : chosen.includes(item.toLowerCase()))))}
              />
            ))}
          </fieldset>
        );
      })}
    </div>
  );
}
