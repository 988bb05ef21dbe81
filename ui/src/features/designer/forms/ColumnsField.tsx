/** The columns of a table: those of its rows, or headers with values of one's own. */
import { Button, Field, Radio, RadioGroup } from '@fluentui/react-components';
import { AddRegular, ArrowDownRegular, ArrowUpRegular, DismissRegular } from '@fluentui/react-icons';
import { isObject, type Json, type JsonObject } from '../../../flow-model/definition';
import { useText } from '../../../shared/language';
import { AnyValue, TextValue, type FieldProps } from '../fields';
import { Grouped } from './Grouped';
import { formText } from './text';

const isColumn = (value: Json): value is JsonObject => isObject(value) && Object.keys(value).every((member) => member === 'header' || member === 'value');

export function ColumnsField(props: FieldProps) {
  const t = useText(formText);
  const { value, onChange, step, fieldKey } = props;
  const columns: Json[] = Array.isArray(value) ? value : [];
  const fits = value === undefined || (Array.isArray(value) && value.every(isColumn));
  const set = (index: number, part: JsonObject) => onChange(columns.map((held, at) => (at === index && isObject(held) ? { ...held, ...part } : held)));
  const swap = (index: number) => onChange(columns.map((held, at) => (at === index ? (columns[index + 1] ?? held) : at === index + 1 ? (columns[index] ?? held) : held)));
  return (
    <Grouped {...props} fits={fits}>
      <Field>
        <RadioGroup layout="horizontal" aria-label={props.label} value={value === undefined ? 'automatic' : 'custom'} onChange={(_, data) => onChange(data.value === 'custom' ? [{ header: '', value: '' }] : undefined)}>
          <Radio value="automatic" label={t.columnsAutomatic} />
          <Radio value="custom" label={t.columnsCustom} />
        </RadioGroup>
      </Field>
      {columns.map((column, index) => (
        <div key={index} className="condition-row">
          <TextValue label={t.columnHeader(index + 1)} value={isObject(column) ? column['header'] : undefined} step={step} fieldKey={`${fieldKey}/${index}/header`} onChange={(header) => set(index, { header: header ?? '' })} />
          <AnyValue label={t.columnValue(index + 1)} value={isObject(column) ? column['value'] : undefined} step={step} fieldKey={`${fieldKey}/${index}/value`} onChange={(next) => set(index, { value: next ?? '' })} />
          <div className="row-tools">
            <Button size="small" appearance="subtle" icon={<ArrowUpRegular />} aria-label={t.columnUp(index + 1)} disabled={index === 0} onClick={() => swap(index - 1)} />
            <Button size="small" appearance="subtle" icon={<ArrowDownRegular />} aria-label={t.columnDown(index + 1)} disabled={index === columns.length - 1} onClick={() => swap(index)} />
            <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={t.removeColumn(index + 1)} onClick={() => onChange(columns.length > 1 ? columns.filter((_, at) => at !== index) : undefined)} />
          </div>
        </div>
      ))}
      {value !== undefined && <Button size="small" className="left" icon={<AddRegular />} onClick={() => onChange([...columns, { header: '', value: '' }])}>{t.addColumn}</Button>}
    </Grouped>
  );
}
