/** A timetable: unit and interval, days and times, start and time zone; said in words, with the times that come next. */
import { Button, Dropdown, Field, Input, Option, Select, ToggleButton } from '@fluentui/react-components';
import { useDeferredValue, useState } from 'react';
import { isObject, type JsonObject } from '../../../flow-model/definition';
import { clockOf, fitsForm, FREQUENCIES, frequencyOf, INTERVAL_MAX, membersFor, numbersOf, parseNumbers, weekDaysOf, WEEK_DAYS, withFrequency, withSchedule, withStart, type Frequency, type ScheduleMember } from '../../../flow-model/recurrence';
import { findingInWords } from '../../../shared/codes';
import { useLanguage, useText } from '../../../shared/language';
import { JsonValue, type FieldProps } from '../fields';
import { designerText } from '../text';
import { useNextTimes, useTimeZones } from './lookups';
import { dayName, recurrenceInWords } from './recurrence-words';
import { formText } from './text';
import { TimeZoneField } from './TimeZoneField';

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const MONTH_DAYS = [...Array.from({ length: 31 }, (_, day) => day + 1), -1];

/** Several numbers out of a list. */
function Numbers({ label, all, chosen, onChange, nameOf = String }: { label: string; all: readonly number[]; chosen: readonly number[]; onChange: (numbers: number[]) => void; nameOf?: (number: number) => string }) {
  const options = [...new Set([...all, ...chosen])];
  return (
    <Field label={label}>
      <Dropdown
        multiselect
        value={chosen.map(nameOf).join(', ')}
        selectedOptions={chosen.map(String)}
        onOptionSelect={(_, data) => onChange(options.filter((number) => data.selectedOptions.includes(String(number))))}
      >
        {options.map((number) => <Option key={number} value={String(number)}>{nameOf(number)}</Option>)}
      </Dropdown>
    </Field>
  );
}

function Minutes({ chosen, onChange }: { chosen: readonly number[]; onChange: (numbers: number[]) => void }) {
  const t = useText(formText);
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? chosen.join(', ');
  const numbers = parseNumbers(text, 0, 59);
  return (
    <Field label={t.atMinutes} hint={t.minutesHint} validationMessage={numbers ? undefined : t.minutesWrong}>
      <Input
        value={text}
        inputMode="numeric"
        onChange={(_, data) => {
          setTyped(data.value);
          const next = parseNumbers(data.value, 0, 59);
          if (next) onChange(next);
        }}
        onBlur={() => numbers && setTyped(null)}
      />
    </Field>
  );
}

function Preview({ recurrence }: { recurrence: JsonObject }) {
  const t = useText(formText);
  const { language } = useLanguage();
  const zones = useTimeZones();
  const next = useNextTimes(useDeferredValue(recurrence));
  const zone = zones.data?.find((one) => one.id === recurrence['timeZone']);
  const words = recurrenceInWords(recurrence, language, zone?.description.replace(/^\([^)]*\)\s*/, ''));
  const at = (time: string) => new Intl.DateTimeFormat(language, { weekday: 'short', year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' }).format(new Date(time));
  return (
    <section className="recurrence-preview" aria-label={t.preview} aria-live="polite">
      {words && <p><strong>{words}</strong></p>}
      {next.data?.diagnostics.map((diagnostic) => <p key={diagnostic.pointer} className="bad-text small">{findingInWords(diagnostic, language).message}</p>)}
      {next.data && next.data.diagnostics.length === 0 && (
        next.data.times.length === 0 ? <p className="bad-text small">{t.noNext}</p> : (
          <>
            <div className="quiet small">{t.nextTimes}</div>
            <ol>{next.data.times.map((time) => <li key={time}><time dateTime={time}>{at(time)}</time></li>)}</ol>
          </>
        )
      )}
    </section>
  );
}

export function RecurrenceField(props: FieldProps) {
  const t = useText(formText);
  const designer = useText(designerText);
  const { language } = useLanguage();
  const { value, onChange, step, fieldKey } = props;
  const fits = fitsForm(value);
  const [raw, setRaw] = useState(!fits && value !== undefined);
  const held: JsonObject = isObject(value) ? value : {};
  const frequency = frequencyOf(held['frequency']);
  const interval = held['interval'];
  const max = (frequency ? INTERVAL_MAX[frequency] : undefined) ?? 1;
  const wrong = frequency !== null && (typeof interval !== 'number' || !Number.isInteger(interval) || interval < 1 || interval > max);
  const days = weekDaysOf(held);
  const clock = clockOf(held);
  const timeZone = typeof held['timeZone'] === 'string' && held['timeZone'] ? held['timeZone'] : undefined;
  const schedule = (member: ScheduleMember, chosen: (number | string)[]) => onChange(withSchedule(held, member, chosen));
  const members = membersFor(frequency);
  const form = (
    <>
      <div className="columns">
        <Field label={t.interval} required validationMessage={wrong ? t.intervalBetween(max.toLocaleString(language)) : undefined}>
          <Input type="number" min={1} max={max} value={typeof interval === 'number' ? String(interval) : ''} onChange={(_, data) => onChange({ ...held, interval: data.value === '' ? '' : Number(data.value) })} />
        </Field>
        <Field label={t.frequency} required>
          <Select value={frequency ?? ''} onChange={(_, data) => onChange(withFrequency(held, data.value as Frequency))}>
            {FREQUENCIES.map((one) => <option key={one} value={one}>{t.frequencies[one]}</option>)}
          </Select>
        </Field>
      </div>
      {members.includes('weekDays') && (
        <Field label={t.onDays}>
          <div className="week-days" role="group" aria-label={t.onDays}>
            {WEEK_DAYS.map((day) => (
              <ToggleButton key={day} size="small" appearance={days.includes(day) ? 'primary' : 'secondary'} checked={days.includes(day)} title={dayName(day, language)} onClick={() => schedule('weekDays', WEEK_DAYS.filter((one) => (one === day ? !days.includes(day) : days.includes(one))))}>
                {dayName(day, language, 'short')}
              </ToggleButton>
            ))}
          </div>
        </Field>
      )}
      {members.includes('monthDays') && <Numbers label={t.monthDays} all={MONTH_DAYS} chosen={numbersOf(held, 'monthDays')} onChange={(numbers) => schedule('monthDays', numbers)} nameOf={(day) => (day === -1 ? t.lastDay : String(day))} />}
      {members.includes('hours') && (
        <div className="columns">
          <Numbers label={t.atHours} all={HOURS} chosen={numbersOf(held, 'hours')} onChange={(numbers) => schedule('hours', numbers)} />
          <Minutes chosen={numbersOf(held, 'minutes')} onChange={(numbers) => schedule('minutes', numbers)} />
        </div>
      )}
      <TimeZoneField label={t.timeZone} value={timeZone} step={step} fieldKey={`${fieldKey}/timeZone`} onChange={(zone) => onChange(clock === null ? { ...held, timeZone: zone ?? '' } : withStart(held, clock, typeof zone === 'string' ? zone : undefined))} />
      {clock === null ? (
        <p className="quiet small">{t.startOdd(String(held['startTime']))}</p>
      ) : (
        <Field label={t.startTime} hint={clock && !timeZone ? t.startUtc : undefined}>
          <Input type="datetime-local" step={1} value={clock} onChange={(_, data) => onChange(withStart(held, data.value, timeZone))} />
        </Field>
      )}
    </>
  );
  return (
    <fieldset className="list-value">
      <legend>{props.label}</legend>
      {raw || !fits ? <JsonValue {...props} /> : form}
      <Button size="small" appearance="transparent" className="left" disabled={raw && !fits} onClick={() => setRaw(!raw)}>{raw ? designer.formMode : designer.rawMode}</Button>
      {isObject(value) && <Preview recurrence={held} />}
    </fieldset>
  );
}
