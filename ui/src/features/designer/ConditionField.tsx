/** A condition as rows of comparisons and groups of them, all or one of which must hold; as one expression; or, where it is richer, as JSON. */
import { Button, Field, Select } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { formatGroup, formatRows, isGroup, parseGroup, rowsOfExpression, type Group, type Row } from '../../flow-model/condition';
import { useText } from '../../shared/language';
import { AnyValue, JsonValue, type FieldProps } from './fields';
import { formText } from './forms/text';
import { TokenField } from './TokenField';
import { designerText } from './text';
import { HowOften } from './Yesterday';

const blank: Row = { left: '', operator: 'equals', right: '' };

export function ConditionField(props: FieldProps) {
  const t = useText(designerText);
  const form = useText(formText);
  const { value } = props;
  const isText = typeof value === 'string' && value !== '';
  const parsed = isText ? null : parseGroup(value);
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
        {props.step !== null && <HowOften step={props.step} />}
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
  const isBlank = parsed.items.every((item) => !isGroup(item) && item.left === '' && item.right === '');
  return (
    <div className="stack">
      {props.step !== null && <HowOften step={props.step} />}
      <GroupRows group={parsed} label={props.label} step={props.step} fieldKey={props.fieldKey} onChange={(group) => props.onChange(formatGroup(group))} />
      <div className="commands">
        {switchTo(t.rawMode, () => setMode('json'))}
        {isBlank && switchTo(form.asExpression, () => setMode('text'))}
      </div>
    </div>
  );
}

/** The rows of a group, and the groups in it. */
function GroupRows({ group, label, step, fieldKey, onChange, onRemove }: { group: Group; label: string; step: string | null; fieldKey: string; onChange: (group: Group) => void; onRemove?: () => void }) {
  const t = useText(designerText);
  const form = useText(formText);
  const set = (items: Group['items']) => onChange({ ...group, items });
  const put = (index: number, item: Row | Group) => set(group.items.map((held, at) => (at === index ? item : held)));
  const without = (index: number) => set(group.items.filter((_, at) => at !== index));
  return (
    <>
      <div className="row">
        <Select className="grow" aria-label={label} value={group.joined} onChange={(_, data) => onChange({ ...group, joined: data.value as 'and' | 'or' })}>
          <option value="and">{t.and}</option>
          <option value="or">{t.or}</option>
        </Select>
        {onRemove && <Button appearance="subtle" icon={<DismissRegular />} aria-label={form.removeGroup} onClick={onRemove} />}
      </div>
      {group.items.map((item, index) =>
        isGroup(item) ? (
          <fieldset key={index} className="condition-group">
            <legend>{form.group}</legend>
            <GroupRows group={item} label={form.group} step={step} fieldKey={`${fieldKey}/${index}`} onChange={(next) => put(index, next)} onRemove={() => without(index)} />
          </fieldset>
        ) : (
          <div key={index} className="condition-row">
            <TokenField label={t.leftValue} typed step={step} fieldKey={`${fieldKey}/${index}/left`} value={item.left} onChange={(left) => put(index, { ...item, left })} />
            <div className="row">
              <Field label={t.operator} className="grow">
                <Select value={item.operator} onChange={(_, data) => put(index, { ...item, operator: data.value })}>
                  {Object.entries(t.operators).map(([operator, title]) => <option key={operator} value={operator}>{title}</option>)}
                </Select>
              </Field>
              {group.items.length > 1 && <Button appearance="subtle" icon={<DismissRegular />} aria-label={t.removeRow} onClick={() => without(index)} />}
            </div>
            <TokenField label={t.rightValue} typed step={step} fieldKey={`${fieldKey}/${index}/right`} value={item.right} onChange={(right) => put(index, { ...item, right })} />
          </div>
        ),
      )}
      <div className="commands">
        <Button size="small" icon={<AddRegular />} onClick={() => set([...group.items, blank])}>{t.addRow}</Button>
        <Button size="small" icon={<AddRegular />} onClick={() => set([...group.items, { joined: group.joined === 'and' ? 'or' : 'and', items: [blank, blank] }])}>{form.addGroup}</Button>
      </div>
    </>
  );
}
