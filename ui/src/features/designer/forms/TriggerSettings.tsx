/** What a trigger makes of a notification: one run for each item of a list, and only under conditions. */
import { Button, Field, Input, Select } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { isObject, type Json, type JsonObject } from '../../../flow-model/definition';
import { normalExpression } from '../../../flow-model/references';
import { useText } from '../../../shared/language';
import { settingsText } from '../settings-text';
import { useTriggerLists } from '../tokens';

export function TriggerSettings({ held, set }: { held: JsonObject; set: (path: string[], value: Json | undefined) => void }) {
  const t = useText(settingsText);
  const lists = useTriggerLists();
  const splitOn = typeof held['splitOn'] === 'string' ? held['splitOn'] : '';
  const known = lists.find((token) => normalExpression(token.expression) === normalExpression(splitOn.replace(/^@\{?|\}$/g, '')));
  const [other, setOther] = useState(false);
  const isOther = other || (splitOn !== '' && !known);
  // A row without text is only here.
  const [adding, setAdding] = useState(false);
  const conditions: Json[] = (Array.isArray(held['conditions']) ? held['conditions'] : []).map((item) => (isObject(item) ? (item['expression'] ?? '') : ''));
  const store = (next: Json[]) => set(['conditions'], next.length > 0 ? next.map((expression) => ({ expression })) : undefined);
  const rows = adding ? [...conditions, ''] : conditions;
  const change = (index: number, text: string) => {
    if (index === conditions.length) setAdding(false);
    store(rows.map((own, at) => (at === index ? text : own)));
  };
  const remove = (index: number) => {
    if (index === conditions.length) setAdding(false);
    else store(conditions.filter((_, at) => at !== index));
  };
  return (
    <>
      <Field label={t.splitOn}>
        <Select
          value={isOther ? '$other' : known ? known.expression : ''}
          onChange={(_, data) => {
            setOther(data.value === '$other');
            if (data.value !== '$other') set(['splitOn'], data.value ? `@${data.value}` : undefined);
          }}
        >
          <option value="">{t.splitNone}</option>
          {lists.map((token) => <option key={token.expression} value={token.expression}>{token.title}</option>)}
          <option value="$other">{t.splitOther}</option>
        </Select>
      </Field>
      {isOther && (
        <Field label={t.splitExpression}>
          <Input className="mono" value={splitOn} placeholder="@triggerBody()?['value']" onChange={(_, data) => set(['splitOn'], data.value || undefined)} />
        </Field>
      )}
      <fieldset className="list-value">
        <legend>{t.conditions}</legend>
        <div className="quiet small">{t.conditionsHint}</div>
        {rows.map((expression, index) => {
          const text = typeof expression === 'string' ? expression : JSON.stringify(expression);
          return (
            <div key={index} className="row no-wrap">
              <Field className="grow" validationMessage={text !== '' && typeof expression === 'string' && !text.startsWith('@') ? t.conditionAt : undefined}>
                <Input className="mono" aria-label={t.condition(index + 1)} value={text} readOnly={typeof expression !== 'string'} onChange={(_, data) => change(index, data.value)} />
              </Field>
              <Button size="small" appearance="subtle" icon={<DismissRegular />} aria-label={t.removeCondition(index + 1)} onClick={() => remove(index)} />
            </div>
          );
        })}
        <Button size="small" className="left" icon={<AddRegular />} disabled={adding} onClick={() => setAdding(true)}>{t.addCondition}</Button>
      </fieldset>
    </>
  );
}
