/** A condition as rows of comparisons, all or one of which must hold; as one expression; or, where it is richer, as JSON. */
import { Button, Field, Select } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { formatRows, parseCondition, rowsOfExpression, type Row } from '../../flow-model/condition';
import { useText } from '../../shared/language';
import { AnyValue, JsonValue, type FieldProps } from './fields';
import { formText } from './forms/text';
import { TokenField } from './TokenField';
import { designerText } from './text';

const blank: Row = { left: '', operator: 'equals', right: '' };

export function ConditionField(props: FieldProps) {
  const t = useText(designerText);
  const form = useText(formText);
  const { value } = props;
  const isText = typeof value === 'string' && value !== '';
  const parsed = isText ? null : parseCondition(value);
  const [mode, setMode] = useState<'rows' | 'text' | 'json'>('rows');
  const switchTo = (label: string, act: () => void) => <Button size="small" appearance="transparent" onClick={act}>{label}</Button>;
  if (isText || (mode === 'text' && (value === undefined || value === ''))) {
    // An expression that is true is what the rows then say, so nothing is lost.
    const asRows = () => {
      const rows = isText ? rowsOfExpression(value) : null;
      if (rows) props.onChange(formatRows(rows.joined, rows.rows));
      else if (isText) props.onChange(formatRows('and', [{ left: value, operator: 'equals', right: 'true' }]));
      setMode('rows');
    };
    return (
      <div className="stack tight">
        <AnyValue {...props} />
        <div className="commands">{switchTo(form.asRows, asRows)}</div>
      </div>
    );
  }
  if (!parsed || mode === 'json') {
    return (
      <div className="stack tight">
        {!parsed && <p className="quiet small">{t.rawCondition}</p>}
        <JsonValue {...props} />
        {parsed && <div className="commands">{switchTo(form.asRows, () => setMode('rows'))}</div>}
      </div>
    );
  }
  const set = (rows: Row[], joined = parsed.joined) => props.onChange(formatRows(joined, rows));
  const change = (index: number, part: Partial<Row>) => set(parsed.rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  const isBlank = parsed.rows.every((row) => row.left === '' && row.right === '');
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
                {Object.entries(t.operators).map(([operator, label]) => <option key={operator} value={operator}>{label}</option>)}
              </Select>
            </Field>
            {parsed.rows.length > 1 && <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.removeRow} onClick={() => set(parsed.rows.filter((_, at) => at !== index))} />}
          </div>
          <TokenField label={t.rightValue} typed step={props.step} fieldKey={`${props.fieldKey}/${index}/right`} value={row.right} onChange={(right) => change(index, { right })} />
        </div>
      ))}
      <div className="commands">
        <Button size="small" icon={<AddRegular />} onClick={() => set([...parsed.rows, blank])}>{t.addRow}</Button>
        {switchTo(t.rawMode, () => setMode('json'))}
        {isBlank && switchTo(form.asExpression, () => setMode('text'))}
      </div>
    </div>
  );
}
