/** A condition as rows of comparisons, all or one of which must hold. */
import { Button, Field, Select } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { formatRows, parseCondition, type Row } from '../../flow-model/condition';
import { useText } from '../../shared/language';
import { JsonValue, type FieldProps } from './fields';
import { TokenField } from './TokenField';
import { designerText } from './text';

export function ConditionField(props: FieldProps) {
  const t = useText(designerText);
  const parsed = parseCondition(props.value);
  if (!parsed) {
    return (
      <>
        <p className="quiet small">{t.rawCondition}</p>
        <JsonValue {...props} />
      </>
    );
  }
  const set = (rows: Row[], joined = parsed.joined) => props.onChange(formatRows(joined, rows));
  const change = (index: number, part: Partial<Row>) => set(parsed.rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  return (
    <div className="stack">
      <Select aria-label={props.label} value={parsed.joined} onChange={(_, data) => set(parsed.rows, data.value as 'and' | 'or')}>
        <option value="and">{t.and}</option>
        <option value="or">{t.or}</option>
      </Select>
      {parsed.rows.map((row, index) => (
        <div key={index} className="condition-row">
          <TokenField label={t.leftValue} typed step={props.step} fieldKey={`${props.fieldKey}/${index}/left`} value={row.left} onChange={(left) => change(index, { left })} />
          <div className="row">
            <Field label={t.operator} className="grow">
              <Select value={row.operator} onChange={(_, data) => change(index, { operator: data.value })}>
                {Object.entries(t.operators).map(([value, label]) => <option key={value} value={value}>{label}</option>)}
              </Select>
            </Field>
            {parsed.rows.length > 1 && <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.removeRow} onClick={() => set(parsed.rows.filter((_, at) => at !== index))} />}
          </div>
          <TokenField label={t.rightValue} typed step={props.step} fieldKey={`${props.fieldKey}/${index}/right`} value={row.right} onChange={(right) => change(index, { right })} />
        </div>
      ))}
      <div className="commands"><Button size="small" icon={<AddRegular />} onClick={() => set([...parsed.rows, { left: '', operator: 'equals', right: '' }])}>{t.addRow}</Button></div>
    </div>
  );
}
