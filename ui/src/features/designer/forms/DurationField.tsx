/** A duration: a number and a unit where it is that simple, else as ISO 8601. */
import { Button, Field, Input, Select } from '@fluentui/react-components';
import { useState } from 'react';
import { durationInWords, durationOf, secondsOf, simpleOf, UNITS, type Unit } from '../../../flow-model/duration';
import { useLanguage, useText } from '../../../shared/language';
import { formText } from './text';

export function DurationField({ label, value, onChange, hint, between }: {
  label: string;
  /** Empty where none is set. */
  value: string;
  onChange: (value: string | undefined) => void;
  hint?: string;
  /** The shortest and the longest, as ISO 8601. */
  between?: readonly [from: string, to: string];
}) {
  const t = useText(formText);
  const { language } = useLanguage();
  const simple = value === '' ? null : simpleOf(value);
  const [asText, setAsText] = useState(value !== '' && simple === null);
  const [unit, setUnit] = useState<Unit>(simple?.unit ?? 'minute');
  const seconds = value === '' ? null : secondsOf(value);
  const isExpression = value.includes('@');
  const outside = seconds !== null && between && (seconds < (secondsOf(between[0]) ?? 0) || seconds > (secondsOf(between[1]) ?? Infinity));
  const wrong =
    value !== '' && seconds === null && !isExpression ? t.noDuration
    : outside ? t.durationBetween(durationInWords(between[0], language), durationInWords(between[1], language))
    : undefined;
  const showsText = asText || (value !== '' && simple === null);
  const said = value !== '' && showsText && seconds !== null ? durationInWords(value, language) : hint;
  const shownUnit = simple?.unit ?? unit;
  return (
    <div className="stack tight">
      <Field label={label} validationMessage={wrong} hint={said}>
        {showsText ? (
          <Input className="mono" value={value} placeholder="PT1H30M" onChange={(_, data) => onChange(data.value || undefined)} />
        ) : (
          <div className="case-value">
            <Input type="number" min={0} value={simple ? String(simple.count) : ''} placeholder={t.unset} aria-label={`${label}: ${t.count}`} onChange={(_, data) => onChange(/^\d+$/.test(data.value) ? durationOf(Number(data.value), shownUnit) : undefined)} />
            <Select
              aria-label={`${label}: ${t.unit}`}
              value={shownUnit}
              onChange={(_, data) => {
                setUnit(data.value as Unit);
                if (simple) onChange(durationOf(simple.count, data.value as Unit));
              }}
            >
              {UNITS.map((one) => <option key={one} value={one}>{t.units[one]}</option>)}
            </Select>
          </div>
        )}
      </Field>
      <Button size="small" appearance="transparent" className="left" disabled={showsText && value !== '' && simple === null} onClick={() => setAsText(!showsText)}>{showsText ? t.durationAsNumber : t.durationAsText}</Button>
    </div>
  );
}
