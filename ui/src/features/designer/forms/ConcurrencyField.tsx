/** How many repetitions of a loop, or runs of a flow, are under way at once. */
import { Checkbox, Field, Input } from '@fluentui/react-components';
import { valueAt, type Json, type JsonObject } from '../../../flow-model/definition';
import { useText } from '../../../shared/language';
import { settingsText } from '../settings-text';

const CONCURRENCY = ['runtimeConfiguration', 'concurrency'];
const optionsOf = (step: JsonObject) => String(step['operationOptions'] ?? '').split(',').map((option) => option.trim()).filter(Boolean);
const has = (step: JsonObject, option: string) => optionsOf(step).some((own) => own.toLowerCase() === option.toLowerCase());

/** The step with an option more or less; the others stay as they were written. */
const withOption = (step: JsonObject, option: string, on: boolean): Json | undefined => {
  const rest = optionsOf(step).filter((own) => own.toLowerCase() !== option.toLowerCase());
  return [...rest, ...(on ? [option] : [])].join(', ') || undefined;
};

export function ConcurrencyField({ held, isTrigger, set }: { held: JsonObject; isTrigger: boolean; set: (path: string[], value: Json | undefined) => void }) {
  const t = useText(settingsText);
  const member = isTrigger ? 'runs' : 'repetitions';
  const max = isTrigger ? 100 : 50;
  const limit = valueAt(held, [...CONCURRENCY, member]);
  const waiting = valueAt(held, [...CONCURRENCY, 'maximumWaitingRuns']);
  const exclusive = isTrigger ? 'SingleInstance' : 'Sequential';
  const isExclusive = has(held, exclusive);
  const fires = isTrigger && held['recurrence'] !== undefined;
  const outside = (value: Json | undefined, most: number) => value !== undefined && !(Number.isInteger(Number(value)) && Number(value) >= 1 && Number(value) <= most);
  const number = (path: string[], label: string, value: Json | undefined, most: number) => (
    <Field label={label} validationMessage={outside(value, most) ? t.between(1, most) : undefined}>
      <Input type="number" min={1} max={most} value={value === undefined ? '' : String(value)} onChange={(_, data) => set(path, data.value === '' ? (path.at(-1) === member ? 1 : undefined) : Number(data.value))} />
    </Field>
  );
  return (
    <>
      <Checkbox label={t.limitParallel} disabled={isExclusive} checked={limit !== undefined} onChange={(_, data) => (data.checked ? set([...CONCURRENCY, member], isTrigger ? 25 : 20) : set(CONCURRENCY, undefined))} />
      {limit !== undefined && number([...CONCURRENCY, member], isTrigger ? t.runs : t.repetitions, limit, max)}
      {limit !== undefined && isTrigger && number([...CONCURRENCY, 'maximumWaitingRuns'], t.waiting, waiting, 100)}
      {(!isTrigger || fires) && <Checkbox label={isTrigger ? t.singleInstance : t.sequential} disabled={limit !== undefined} checked={isExclusive} onChange={(_, data) => set(['operationOptions'], withOption(held, exclusive, data.checked === true))} />}
    </>
  );
}
