/** When a call that failed is tried again. */
import { Button, Field, Input, Select } from '@fluentui/react-components';
import { useState } from 'react';
import { isObject, type Json, type JsonObject } from '../../../flow-model/definition';
import { RETRY_COUNTS, RETRY_INTERVALS } from '../../../flow-model/language';
import { useText } from '../../../shared/language';
import { useDesigner } from '../context';
import { JsonValue } from '../fields';
import { settingsText } from '../settings-text';
import { designerText } from '../text';
import { DurationField } from './DurationField';

const MEMBERS = new Set(['type', 'count', 'interval', 'minimumInterval', 'maximumInterval']);
const isTemplate = (value: Json | undefined) => typeof value === 'string' && value.includes('@');

/** A policy with expressions, or with members that the form does not know, is left to the JSON. */
const fitsForm = (policy: JsonObject) => Object.entries(policy).every(([member, value]) => MEMBERS.has(member) && !isTemplate(value));

export function RetryField({ value, onChange, step, fieldKey }: { value: Json | undefined; onChange: (value: Json | undefined) => void; step: string | null; fieldKey: string }) {
  const t = useText(settingsText);
  const designer = useText(designerText);
  const { edited } = useDesigner();
  const policy = isObject(value) ? value : null;
  const fits = value === undefined || (policy !== null && fitsForm(policy));
  const [raw, setRaw] = useState(!fits);
  const type = String(policy?.['type'] ?? 'default').toLowerCase();
  const count = policy?.['count'];
  const isCount = Number.isInteger(Number(count)) && Number(count) >= RETRY_COUNTS.min && Number(count) <= RETRY_COUNTS.max;
  const set = (part: JsonObject) => onChange({ ...policy, ...part });
  const duration = (member: string, label: string) => (
    <DurationField
      label={label}
      value={typeof policy?.[member] === 'string' ? policy[member] : ''}
      between={RETRY_INTERVALS}
      onChange={(next) => {
        const { [member]: _, ...rest } = policy ?? {};
        onChange(next === undefined && member !== 'interval' ? rest : { ...rest, [member]: next ?? '' });
      }}
    />
  );
  return (
    <div className="stack tight">
      {raw || !fits ? (
        <JsonValue label={t.retry} value={value} onChange={onChange} step={step} fieldKey={fieldKey} />
      ) : (
        <>
          <Field label={t.retry} hint={t.retryHint}>
            <Select
              value={type}
              onChange={(_, data) => onChange(data.value === 'default' ? undefined : data.value === 'none' ? { type: 'none' } : { type: data.value, count: isCount ? (count as Json) : 4, interval: typeof policy?.['interval'] === 'string' ? policy['interval'] : 'PT10S' })}
            >
              {['default', 'none', 'fixed', 'exponential'].map((kind) => <option key={kind} value={kind}>{(kind === 'default' ? t.retryDefaults[edited.profile ?? 'la'] : undefined) ?? t.retries[kind]}</option>)}
            </Select>
          </Field>
          {(type === 'fixed' || type === 'exponential') && (
            <>
              <Field label={t.retryCount} required validationMessage={isCount ? undefined : t.retryCountBetween}>
                <Input type="number" min={RETRY_COUNTS.min} max={RETRY_COUNTS.max} value={count === undefined ? '' : String(count)} onChange={(_, data) => set({ count: data.value === '' ? '' : Number(data.value) })} />
              </Field>
              {duration('interval', t.retryInterval)}
              {type === 'exponential' && duration('minimumInterval', t.retryMinimum)}
              {type === 'exponential' && duration('maximumInterval', t.retryMaximum)}
            </>
          )}
        </>
      )}
      <Button size="small" appearance="transparent" className="left" disabled={raw && !fits} onClick={() => setRaw(!raw)}>{raw ? designer.formMode : designer.rawMode}</Button>
    </div>
  );
}
