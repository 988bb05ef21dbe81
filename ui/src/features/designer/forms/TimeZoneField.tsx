/** A time zone out of the list of those that definitions can name, found by city, offset or name. */
import { Button, Combobox, Field, Option } from '@fluentui/react-components';
import { useState } from 'react';
import type { TimeZone } from '../../../api/types';
import { useText } from '../../../shared/language';
import { ProblemBar } from '../../../shared/ProblemBar';
import { AnyValue, type FieldProps } from '../fields';
import { designerText } from '../text';
import { useTimeZones } from './lookups';
import { formText } from './text';

const here = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Every word must be somewhere: "berlin", "+01", "w. europe". */
export function zonesFor(zones: readonly TimeZone[], text: string): TimeZone[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = zones.filter((zone) => words.every((word) => `${zone.description} ${zone.id} ${zone.iana}`.toLowerCase().includes(word)));
  // One's own zone is the likeliest.
  const own = found.findIndex((zone) => zone.iana === here());
  return own > 0 ? [found[own] as TimeZone, ...found.filter((_, index) => index !== own)] : found;
}

export function TimeZoneField(props: FieldProps) {
  const t = useText(formText);
  const designer = useText(designerText);
  const { label, value, onChange, required = false } = props;
  const zones = useTimeZones();
  const held = typeof value === 'string' ? value : '';
  const [typed, setTyped] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const [asText, setAsText] = useState(held.includes('@'));
  if (asText) {
    return (
      <div className="stack tight">
        <AnyValue {...props} />
        <Button size="small" appearance="transparent" className="left" onClick={() => setAsText(false)}>{designer.formMode}</Button>
      </div>
    );
  }
  const all = zones.data ?? [];
  const chosen = all.find((zone) => zone.id.toLowerCase() === held.toLowerCase());
  const found = zonesFor(all, typed ?? '');
  const unknown = held !== '' && zones.isSuccess && !chosen && !held.includes('/');
  return (
    <>
      <Field label={label} required={required} hint={chosen ? chosen.id : props.hint} validationMessage={unknown ? t.timeZoneUnknown : undefined}>
        <Combobox
          freeform
          open={open}
          onOpenChange={(_, data) => setOpen(data.open)}
          placeholder={t.timeZoneSearch}
          value={typed ?? chosen?.description ?? held}
          selectedOptions={chosen ? [chosen.id] : []}
          // Pasted text finds as typed text does.
          onChange={(event) => {
            setTyped(event.target.value);
            setOpen(true);
          }}
          onOptionSelect={(_, data) => {
            setTyped(null);
            if (data.optionValue === '$custom') setAsText(true);
            else onChange(data.optionValue || undefined);
          }}
          // What was typed but not chosen is kept where it is a name itself, or clears the field.
          onBlur={() => {
            if (typed === '') onChange(undefined);
            else if (typed !== null && (all.some((zone) => zone.id.toLowerCase() === typed.trim().toLowerCase()) || typed.includes('/'))) onChange(typed.trim());
            setTyped(null);
          }}
        >
          {found.map((zone) => <Option key={zone.id} value={zone.id} text={zone.description}>{zone.description}</Option>)}
          <Option key="$custom" value="$custom" text={designer.customValue}>{designer.customValue}</Option>
        </Combobox>
      </Field>
      <ProblemBar error={zones.error} onRetry={() => void zones.refetch()} />
    </>
  );
}
