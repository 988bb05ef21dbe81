/** Names with values, as headers have them; and the map of *Select*, which may also be one value. */
import { Button, Input } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { isObject, type Json, type JsonObject } from '../../../flow-model/definition';
import { useText } from '../../../shared/language';
import { AnyValue, TextValue, type FieldProps } from '../fields';
import { designerText } from '../text';
import { Grouped } from './Grouped';
import { formText } from './text';

interface Row {
  name: string;
  /** As it was written: a number that nobody touches stays a number. */
  value: Json;
}
const isPlain = (value: Json | undefined): value is JsonObject => isObject(value) && Object.values(value).every((item) => typeof item !== 'object' || item === null);
const rowsOf = (value: Json | undefined): Row[] => Object.entries(isObject(value) ? value : {}).map(([name, item]) => ({ name, value: item }));
const valueOf = (rows: Row[]): Json | undefined => {
  const named = rows.filter((row) => row.name.trim() !== '');
  return named.length > 0 ? Object.fromEntries(named.map((row) => [row.name.trim(), row.value])) : undefined;
};

function Rows({ typed = false, ...props }: FieldProps & { typed?: boolean }) {
  const t = useText(designerText);
  const form = useText(formText);
  const { value, onChange, step, fieldKey, label } = props;
  const [rows, setRows] = useState(() => rowsOf(value));
  const [told, setTold] = useState(value);
  // Undo and the code view change the value from outside; a row without a name is only here.
  if (JSON.stringify(value) !== JSON.stringify(told)) {
    setTold(value);
    setRows(rowsOf(value));
  }
  const change = (next: Row[]) => {
    setRows(next);
    const made = valueOf(next) ?? (typed ? {} : undefined);
    setTold(made);
    onChange(made);
  };
  const set = (index: number, part: Partial<Row>) => change(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  const Value = typed ? AnyValue : TextValue;
  return (
    <>
      {rows.map((row, index) => (
        <div key={index} className="map-row">
          <Input aria-label={`${label}: ${t.memberName} ${index + 1}`} placeholder={t.memberName} value={row.name} onChange={(_, data) => set(index, { name: data.value })} />
          <Value label={`${label}: ${t.memberValue} ${index + 1}`} bare value={row.value} step={step} fieldKey={`${fieldKey}/${index}`} onChange={(next) => set(index, { value: next ?? '' })} />
          <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={`${t.removeItem} ${index + 1}`} onClick={() => change(rows.filter((_, at) => at !== index))} />
          {row.name.trim() !== '' && rows.some((other, at) => at > index && other.name.trim() === row.name.trim()) && <p className="bad-text small">{form.nameTwice}</p>}
        </div>
      ))}
      <Button size="small" className="left" icon={<AddRegular />} onClick={() => setRows([...rows, { name: '', value: '' }])}>{t.addItem}</Button>
    </>
  );
}

export function MapField(props: FieldProps) {
  const { value } = props;
  return <Grouped {...props} fits={value === undefined || value === '' || isPlain(value)}><Rows {...props} /></Grouped>;
}

/** Each item becomes an object, or one value. */
export function SelectMap(props: FieldProps) {
  const { value } = props;
  const fits = value === undefined || value === '' || isObject(value);
  return <Grouped {...props} fits={fits} raw={<AnyValue {...props} hint={undefined} bare />}><Rows {...props} typed /></Grouped>;
}
